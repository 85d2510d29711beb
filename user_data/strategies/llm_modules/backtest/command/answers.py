"""What was answered in a run so far, and why the last questions had no answer."""

from dataclasses import replace
from functools import partial
from urllib.parse import urlsplit

from llm_modules.backtest.tally import HOPELESS, MOST_FAILURES
from llm_modules.engine.cycle import Rooms
from llm_modules.errors import BacktestError
from llm_modules.journal.records import DecisionLine, DecisionRecord
from llm_modules.llm.providers.dialect import Target

UNUSABLE = (
    f"{MOST_FAILURES} answers in a row were unusable; they are on the tape, so the same command "
    "would play them again: --record asks anew, ./manage.sh doctor tells what the model does"
)


class Answers:
    """Counts decisions by the journal; `kept` leaves out the failures at the end."""

    def __init__(self) -> None:
        self.kept = 0
        self._decided = self._failures = 0
        self._fault = ""

    def refit(self, rooms: Rooms) -> Rooms:
        """Return the same rooms, which are listened to."""
        return replace(rooms, heard=partial(self._heard, rooms))

    def worded(self, error: BacktestError, target: Target) -> BacktestError:
        """Return why a run stopped; where nothing came back, who did not answer and what to do."""
        if self._failures < MOST_FAILURES or self._kind in HOPELESS:
            return error
        if self._kind == "no_usable_answer":
            return BacktestError(UNUSABLE)
        return BacktestError(
            f"{urlsplit(target.api_base).netloc} does not answer for {target.model} "
            f"({self._fault}): {self._failures} questions in a row failed"
        )

    @property
    def _kind(self) -> str:
        return self._fault.partition(":")[0]

    def _heard(self, rooms: Rooms, line: DecisionLine) -> None:
        rooms.heard(line)
        if not isinstance(line, DecisionRecord):
            return
        self._decided += 1
        if line.status == "failed":
            self._failures += 1
            self._fault = line.fault or ""
            return
        # A question that was spared says nothing about whether the model answers.
        if line.status != "skipped":
            self._failures = 0
        # What failed last is not counted: after a resume it is asked once more.
        if not self._failures:
            self.kept = self._decided
