"""A second process that sees each candle's market while the run decides about the one before.

It puts the same questions to the same past at the same moment, so that it sees what the run would
see; what it does not tell of, the run sees for itself. A decision takes a fifth less time then.
"""

import logging
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

from llm_modules.backtest.crew import Crew, Report, Tell
from llm_modules.backtest.past import PastMarket
from llm_modules.config import ContextConfig
from llm_modules.context.market_page import MarketPage
from llm_modules.context.pages import Pages
from llm_modules.engine.bridge import View
from llm_modules.engine.question import Question, World
from llm_modules.engine.sight import Sight, snapshot_of
from llm_modules.errors import MarketDataError
from llm_modules.market.snapshot import snapshot_of_facts

# Before and after every candle there is.
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
NOT_AHEAD = "The market is not seen ahead, so the run takes longer: %s"
# A pair's facts, and how they are told.
Told = tuple[Mapping[str, float], MarketPage]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Course:
    """What is gone through ahead of a run: each of its moments, without the pairs `silent` then.

    Past and view are the run's own as they are before its first candle.
    """

    past: PastMarket
    view: View
    world: World
    context: ContextConfig
    moments: Sequence[datetime]
    silent: Callable[[datetime], Collection[str]]

    def run(self, tell: Tell) -> None:
        """Tell of each moment what is seen of every pair; to be called in another process."""
        pages = Pages(self.context)
        for at in self.moments:
            self.past.set_moment(at)
            due = self.view.due(self.world, self.silent(at), "backtest", at)
            told = {question.pair: self._of_pair(question, pages) for question in due}
            tell((at, {pair: one for pair, one in told.items() if one is not None}))

    def _of_pair(self, question: Question, pages: Pages) -> Told | None:
        try:
            snapshot = snapshot_of(question, self.context.extra_indicators)
        except MarketDataError:
            # The run finds the same, and records it.
            return None
        return snapshot.facts, pages.market_page(snapshot)


class Forerunner:
    """Gives the sight of a run's own questions, known by pair and candle; until started, none."""

    def __init__(self) -> None:
        self._ending = ExitStack()
        self._extra: Sequence[str] = ()
        self._reports: Iterator[Report] = iter(())
        self._at = LATEST
        self._told: Mapping[str, Told] = {}

    def start(self, course: Course) -> None:
        """Begin, where a core is left for it."""
        if not _has_core_to_spare():
            return
        try:
            crew = self._ending.enter_context(Crew([course.run]))
        except OSError as error:
            logger.warning(NOT_AHEAD, error)
            return
        self._extra, self._reports = course.context.extra_indicators, crew.reports()
        self._at = EARLIEST

    def __call__(self, question: Question) -> Sight | None:
        """Return what was seen of a question's market, None where that is not known."""
        while self._at < question.candle_at:
            self._hear()
        if self._at != question.candle_at or question.pair not in self._told:
            return None
        facts, page = self._told[question.pair]
        pair, at, rules = question.pair, question.candle_at, question.rules
        snapshot = snapshot_of_facts(pair, at, question.frames, rules, self._extra, facts)
        return Sight(snapshot, page)

    def end(self) -> None:
        """End the other process, however far it is."""
        self._ending.close()

    def _hear(self) -> None:
        report = next(self._reports, None)
        if report is not None and report.kind == "said":
            self._at, self._told = report.what
            return
        if report is not None and report.kind == "failed":
            logger.warning(NOT_AHEAD, report.what)
        self._at, self._told = LATEST, {}


def _has_core_to_spare() -> bool:
    # Where this cannot be asked, forking is not safe either.
    return hasattr(os, "sched_getaffinity") and len(os.sched_getaffinity(0)) > 1
