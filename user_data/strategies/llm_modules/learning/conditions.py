"""Under which conditions a trade was made, as codes computed from its numbers.

Each rule looks at one thing and answers with the band the trade falls into, or with None when
the trade does not say. Words in the model's reason are never looked at. What a code means to
people and the model stands in `phrases/*/patterns.toml`.

A million trades pass here at the start: rules read few numbers, and the codes are shared.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from llm_modules.config import TIMEFRAMES
from llm_modules.domain import Side
from llm_modules.journal.gist import TradeGist

_SECONDS_PER_DAY = 86_400
_SECONDS_PER_BLOCK = 21_600
_HOUR = 3600
_GAP = "ema_gap_pct"
_GAPS = (_GAP, *(f"{_GAP}_{timeframe}" for timeframe in TIMEFRAMES))
# One timeframe agrees with itself always.
_FEWEST_TIMEFRAMES = 2


@dataclass(frozen=True, slots=True)
class _Bands:
    """Neighbouring bands of a number; `starts[i]` is the first value of `codes[i + 1]`."""

    starts: Sequence[float]
    codes: Sequence[str]

    def code(self, value: float | None) -> str | None:
        """Return the band a value falls into, None without a value."""
        return None if value is None else self.codes[bisect_right(self.starts, value)]


def _bands(rule: str, starts: Sequence[float], names: str) -> _Bands:
    return _Bands(starts, tuple(f"{rule}.{name}" for name in names.split()))


def _above(value: float) -> float:
    """Return the first number above a value, for a band that the value itself is not in."""
    return math.nextafter(value, math.inf)


# The outer edges belong to the middle: exactly 70 is not yet above 70.
_RSI = _bands("rsi", (30, 45, 55, _above(70)), "below_30 30_45 45_55 55_70 above_70")
_ADX = _bands("adx", (20, _above(25)), "below_20 20_25 above_25")
# Against its own mean of the last 50 candles, so that a wild coin can have a quiet day.
_VOLATILITY = _bands("volatility", (0.8, 1.5), "low usual high")
_SUPPORT = _bands("support", (1, _above(3)), "within_1_atr 1_3_atr beyond_3_atr")
_CONFIDENCE = _bands("confidence", (50, 70, 85), "below_50 50_69 70_84 from_85")
_LEVERAGE = _bands("leverage", (_above(3), _above(5), _above(10)), "1_3 4_5 6_10 above_10")
_HELD = _bands("held", (_HOUR, 4 * _HOUR, 24 * _HOUR), "under_1_h 1_4_h 4_24_h over_24_h")
_HOURS = ("hour.00_06", "hour.06_12", "hour.12_18", "hour.18_24")
_SIDES: Mapping[Side, str] = {"long": "side.long", "short": "side.short"}
_WITH_EMA, _AGAINST_EMA = "trend.with_ema", "trend.against_ema"
_WITH_ALL, _WITH_MOST = "timeframes.with_all", "timeframes.with_most"
_AGAINST_MOST, _AGAINST_ALL = "timeframes.against_most", "timeframes.against_all"

CODES = (
    *_SIDES.values(),
    *_HOURS,
    _WITH_EMA,
    _AGAINST_EMA,
    *(_WITH_ALL, _WITH_MOST, _AGAINST_MOST, _AGAINST_ALL),
    *(
        code
        for bands in (_RSI, _ADX, _VOLATILITY, _SUPPORT, _CONFIDENCE, _LEVERAGE, _HELD)
        for code in bands.codes
    ),
)


def conditions(gist: TradeGist) -> tuple[str, ...]:
    """Return the code of every condition a trade met, at most one per rule."""
    entry, side = gist.entry, gist.side
    # The clock of UTC, whatever zone the time was written in.
    second_of_day = int(gist.opened_at.timestamp() % _SECONDS_PER_DAY)
    codes = [
        _SIDES[side],
        _LEVERAGE.code(gist.leverage),
        _HOURS[second_of_day // _SECONDS_PER_BLOCK],
        _HELD.code((gist.closed_at - gist.opened_at).total_seconds()),
    ]
    if entry is not None:
        facts = entry.facts
        codes += (
            _CONFIDENCE.code(entry.confidence_score),
            _RSI.code(facts.get("rsi")),
            _ADX.code(facts.get("adx")),
            _VOLATILITY.code(facts.get("atr_ratio")),
            _trend(side, facts),
            _timeframes(side, facts),
            _support(side, gist.open_rate, facts),
        )
    return tuple(filter(None, codes))


def _trend(side: Side, facts: Mapping[str, float]) -> str | None:
    gap = facts.get(_GAP)
    # Without a fact, or with both averages on one price, there is no trend to go with.
    if not gap:
        return None
    return _WITH_EMA if (gap > 0) == (side == "long") else _AGAINST_EMA


def _timeframes(side: Side, facts: Mapping[str, float]) -> str | None:
    """Compare the side with the EMA trend of the main and every other timeframe; a draw is None."""
    gaps = [gap for gap in map(facts.get, _GAPS) if gap]
    if len(gaps) < _FEWEST_TIMEFRAMES:
        return None
    upward = len([gap for gap in gaps if gap > 0])
    agreeing = upward if side == "long" else len(gaps) - upward
    opposed = len(gaps) - agreeing
    if agreeing > opposed:
        return _WITH_MOST if opposed else _WITH_ALL
    if agreeing < opposed:
        return _AGAINST_MOST if agreeing else _AGAINST_ALL
    return None


def _support(side: Side, open_rate: float, facts: Mapping[str, float]) -> str | None:
    """Measure from the entry to what is to hold: support, for a short resistance, in ATRs.

    None for an entry beyond it, which leans on nothing.
    """
    is_long = side == "long"
    level, atr_pct = facts.get("support" if is_long else "resistance"), facts.get("atr_pct")
    if level is None or atr_pct is None:
        return None
    distance = open_rate - level if is_long else level - open_rate
    atr = open_rate * atr_pct / 100
    return _SUPPORT.code(distance / atr) if distance >= 0 and atr > 0 else None
