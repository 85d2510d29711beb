"""What a run has come to so far, and when there is no sense in going on."""

from datetime import datetime

import numpy as np

from llm_modules.backtest.outcome import Equity
from llm_modules.errors import BacktestError
from llm_modules.journal.records import DecisionLine, DecisionRecord
from llm_modules.learning.exact import ratio, units

NOT_ON_TAPE = "not_on_tape"
# What another answer from the same model cannot mend.
HOPELESS = frozenset({NOT_ON_TAPE, "over_budget", "unauthorised"})
MOST_FAILURES = 20
MISSING = (
    "the tape has no answer to what is asked there. ./manage.sh backtest asks the model, after "
    "telling what it costs; answers to other settings, candles or another version do not count"
)


class Tally:
    """Counts the decisions of a run as they are noted; a model that is gone ends it.

    Live, a failed question is a candle without a trade. A backtest full of them would be a result
    of nothing.
    """

    def __init__(self) -> None:
        self.decided = self.asked = 0
        # In units of `exact`: a float would lose cents in a year, and a list grow with the run.
        self._cost = 0
        self._is_priced = True
        self._failures = 0
        self._is_hopeless = False
        self._fault = ""
        self._equity: list[tuple[int, float]] = []

    @property
    def cost(self) -> float | None:
        """What the model took so far, in USD; None where a price is unknown."""
        return ratio(self._cost) if self._is_priced else None

    @property
    def equity(self) -> Equity:
        """The account so far."""
        at = np.array([at for at, _ in self._equity], dtype=np.int64)
        return Equity(at, np.array([value for _, value in self._equity], dtype=np.float64))

    def heard(self, line: DecisionLine) -> None:
        """Take in a line of the decision journal."""
        if not isinstance(line, DecisionRecord):
            return
        self.decided += 1
        if line.status == "skipped":
            return
        self.asked += 1
        if line.attempts:
            self._is_priced = self._is_priced and line.cost is not None
            self._cost += units(line.cost or 0.0)
        self._failures = self._failures + 1 if line.status == "failed" else 0
        if line.fault and not self._is_hopeless:
            self._fault = line.fault
            self._is_hopeless = line.fault.partition(":")[0] in HOPELESS

    def stood(self, at: datetime, equity: float) -> None:
        """Take in the account at the close of a candle."""
        self._equity.append((int(at.timestamp() * 1000), equity))

    def ended(self, at: datetime, equity: float) -> None:
        """Put what was left when all was closed in the place of the last look, a moment before."""
        if self._equity:
            self._equity.pop()
        self.stood(at, equity)

    def demand_sense(self, at: datetime) -> None:
        """Raise BacktestError when the model cannot be asked any more."""
        if not self._is_hopeless and self._failures < MOST_FAILURES:
            return
        problem = MISSING if self._fault.startswith(NOT_ON_TAPE) else self._fault
        raise BacktestError(f"stopped at {at:%Y-%m-%d %H:%M} UTC: {problem}")
