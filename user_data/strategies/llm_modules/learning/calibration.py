"""Does confidence tell how trades end? What a model said against what happened, in numbers.

A trade was right when its profit is above zero. Confidence counts as the probability of that.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from llm_modules.domain import Regime, Side
from llm_modules.learning.remembered import RememberedTrade
from llm_modules.metrics import wilson_interval
from llm_modules.phrases import Phrases

BIN_WIDTH = 10
BINS = 10
# The interval of fewer trades is so wide that nothing follows from it.
FEWEST_TRADES = 20
# Advice to the point would claim a precision that so few trades do not have.
ADVICE_STEP = 5

_HIGHEST_CONFIDENCE = 100
# Confidence is summed in whole thousandths of a point: floats would add up differently in another
# order of trades.
_PER_POINT = 1000
_CERTAIN = _HIGHEST_CONFIDENCE * _PER_POINT


class Group(NamedTuple):
    """Whose trades: of a model, to a side, in a regime of the market at entry."""

    model: str
    side: Side
    regime: Regime


@dataclass(frozen=True, slots=True)
class Bin:
    """The trades with a confidence from `low` to below `high`; the last bin includes 100.

    `mean_confidence`, `win_rate` and its Wilson 95 % interval are 0..1, zeros without trades.
    """

    low: int
    high: int
    n: int
    wins: int
    mean_confidence: float
    win_rate: float
    win_rate_low: float
    win_rate_high: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """How well confidence foretold the result of some trades; zeros when there are none.

    `brier` is the mean squared distance between confidence and result, 0 at best and 0.25 for
    always saying 50 % (Brier 1950). `ece`, the expected calibration error, is the mean distance
    between confidence and win rate of the bins, weighted by their trades (Naeini et al. 2015).
    """

    n: int
    wins: int
    mean_confidence: float
    brier: float
    ece: float
    bins: tuple[Bin, ...]

    @property
    def win_rate(self) -> float:
        """Share of the trades that ended in profit, 0..1."""
        return self.wins / self.n if self.n else 0.0

    @property
    def win_rate_interval(self) -> tuple[float, float]:
        """The Wilson 95 % interval of the win rate."""
        return wilson_interval(self.wins, self.n)


@dataclass(slots=True)
class _Cell:
    """Whole sums over the trades of one group and bin: exact, so their order does not matter."""

    n: int = 0
    wins: int = 0
    confidence: int = 0
    squared_error: int = 0


# A group and the number of a bin: plain, because one is made per trade.
_Key = tuple[str, Side, Regime, int]


@dataclass(slots=True)
class Calibration:
    """Sums per group and bin: a `Sum` of the model's own trades that had a confidence.

    A confidence outside 0..100 comes from a damaged line and is left out.
    """

    _cells: dict[_Key, _Cell] = field(default_factory=lambda: defaultdict(_Cell))

    def add(self, trade: RememberedTrade) -> None:
        """Count one more trade."""
        confidence = trade.confidence_score
        if not trade.is_own or confidence is None or not 0 <= confidence <= _HIGHEST_CONFIDENCE:
            return
        won = trade.profit_ratio > 0
        said = round(confidence * _PER_POINT)
        number = min(int(confidence) // BIN_WIDTH, BINS - 1)
        cell = self._cells[trade.model, trade.side, trade.regime, number]
        cell.n += 1
        cell.wins += won
        cell.confidence += said
        # Brier's squared distance; `won` is 0 or 1, and _CERTAIN is 100 % in the same unit.
        cell.squared_error += (said - won * _CERTAIN) ** 2

    def groups(self) -> tuple[Group, ...]:
        """Return all groups that have trades, by name."""
        return tuple(sorted({Group(*key[:3]) for key in self._cells}))

    def reliability(
        self, model: str | None = None, side: Side | None = None, regime: Regime | None = None
    ) -> Reliability:
        """Return the figures of some groups; None stands for all models, sides or regimes."""
        found: defaultdict[int, list[_Cell]] = defaultdict(list)
        for (by, on, during, number), cell in self._cells.items():
            if model in (None, by) and side in (None, on) and regime in (None, during):
                found[number].append(cell)
        return _reliability([_sum(found[number]) for number in range(BINS)])


def calibration_sentence(phrases: Phrases, reliability: Reliability) -> str | None:
    """Tell a model in one line what its confidence was worth; None below 20 trades.

    It is called too sure, or too unsure, only when the Wilson interval of its win rate excludes
    its mean confidence.
    """
    if reliability.n < FEWEST_TRADES:
        return None
    low, high = reliability.win_rate_interval
    said = reliability.mean_confidence
    values: dict[str, object] = {
        "n": reliability.n,
        "said": 100 * said,
        "won": 100 * reliability.win_rate,
    }
    if low <= said <= high:
        return phrases("calibration.in_line", **values)
    verdict = "too_sure" if said > high else "too_unsure"
    return phrases(f"calibration.{verdict}", **values, **_advice(reliability))


def _advice(reliability: Reliability) -> dict[str, object]:
    """Return the bin that misses most trades in the direction of the whole, and by how much."""
    gap = reliability.mean_confidence - reliability.win_rate
    sign = 1 if gap > 0 else -1
    # By trades missed, not by the gap: a bin of two can be wrong by 90 points and mean nothing.
    worst = max(reliability.bins, key=lambda item: sign * _missed(item))
    points = max(ADVICE_STEP, ADVICE_STEP * round(100 * abs(gap) / ADVICE_STEP))
    return {"bin": bin_name(worst), "wins": worst.wins, "of": worst.n, "points": points}


def bin_name(of: Bin) -> str:
    """Name a bin by the whole confidences in it: `80-89`, and `90-100` for the last."""
    return f"{of.low}-{of.high if of.high == _HIGHEST_CONFIDENCE else of.high - 1}"


def _missed(item: Bin) -> float:
    """Return how many more trades were expected to win than did."""
    return item.n * (item.mean_confidence - item.win_rate)


def _sum(cells: Iterable[_Cell]) -> _Cell:
    whole = _Cell()
    for cell in cells:
        whole.n += cell.n
        whole.wins += cell.wins
        whole.confidence += cell.confidence
        whole.squared_error += cell.squared_error
    return whole


def _reliability(cells: Iterable[_Cell]) -> Reliability:
    """Return the figures of ten cells, one per bin."""
    cells = tuple(cells)
    whole = _sum(cells)
    n = max(whole.n, 1)
    bins = tuple(_bin(number, cell) for number, cell in enumerate(cells))
    return Reliability(
        n=whole.n,
        wins=whole.wins,
        mean_confidence=whole.confidence / n / _CERTAIN,
        brier=whole.squared_error / n / _CERTAIN**2,
        ece=sum(abs(_missed(item)) for item in bins) / n,
        bins=bins,
    )


def _bin(number: int, cell: _Cell) -> Bin:
    n = max(cell.n, 1)
    low, high = wilson_interval(cell.wins, cell.n) if cell.n else (0.0, 0.0)
    return Bin(
        low=number * BIN_WIDTH,
        high=(number + 1) * BIN_WIDTH,
        n=cell.n,
        wins=cell.wins,
        mean_confidence=cell.confidence / n / _CERTAIN,
        win_rate=cell.wins / n,
        win_rate_low=low,
        win_rate_high=high,
    )
