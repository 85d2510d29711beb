"""Under which conditions a trade was made, as codes computed from its numbers.

Each rule looks at one thing and answers with the band the trade falls into, or with None when
the trade does not say. Words in the model's reason are never looked at. What a code means to
people and the model stands in `phrases/*/patterns.toml`.

A million trades pass here at the start: rules read few numbers, and the codes are shared.
"""

from collections.abc import Mapping, Sequence

from llm_modules.config import TIMEFRAMES
from llm_modules.domain import Side
from llm_modules.journal.gist import TradeGist
from llm_modules.learning.bands import CONFIDENCE, HOURS, LEVERAGE, Bands, above, hours
from llm_modules.learning.regime import TRENDING_ADX, VOLATILE_ATR_RATIO

_HOUR = 3600.0
_GAP = "ema_gap_pct"
_GAPS = (_GAP, *(f"{_GAP}_{timeframe}" for timeframe in TIMEFRAMES))
# One timeframe agrees with itself always.
_FEWEST_TIMEFRAMES = 2


def _coded(rule: str, bands: Bands) -> Bands:
    return Bands(bands.starts, tuple(f"{rule}.{name}" for name in bands.names))


def _bands(rule: str, starts: Sequence[float], names: str) -> Bands:
    return _coded(rule, Bands(starts, names.split()))


# The outer edges belong to the middle: exactly 70 is not yet above 70.
_RSI = _bands("rsi", (30.0, 45.0, 55.0, above(70.0)), "below_30 30_45 45_55 55_70 above_70")
_ADX = _bands("adx", (20.0, above(TRENDING_ADX)), "below_20 20_25 above_25")
# Against its own mean of the last 50 candles, so that a wild coin can have a quiet day.
_VOLATILITY = _bands("volatility", (0.8, VOLATILE_ATR_RATIO), "low usual high")
_SUPPORT = _bands("support", (1.0, above(3.0)), "within_1_atr 1_3_atr beyond_3_atr")
_HELD = _bands("held", (_HOUR, 4 * _HOUR, 24 * _HOUR), "under_1_h 1_4_h 4_24_h over_24_h")
_CONFIDENCE = _coded("confidence", CONFIDENCE)
_LEVERAGE = _coded("leverage", LEVERAGE)
_HOURS = {name: f"hour.{name}" for name in HOURS}
_OF_FACTS = (("rsi", _RSI), ("adx", _ADX), ("atr_ratio", _VOLATILITY))
_SIDES: Mapping[Side, str] = {"long": "side.long", "short": "side.short"}
_WITH_EMA, _AGAINST_EMA = "trend.with_ema", "trend.against_ema"
_WITH_ALL, _WITH_MOST = "timeframes.with_all", "timeframes.with_most"
_AGAINST_MOST, _AGAINST_ALL = "timeframes.against_most", "timeframes.against_all"

CODES = (
    *_SIDES.values(),
    *_HOURS.values(),
    _WITH_EMA,
    _AGAINST_EMA,
    *(_WITH_ALL, _WITH_MOST, _AGAINST_MOST, _AGAINST_ALL),
    *(
        code
        for bands in (_RSI, _ADX, _VOLATILITY, _SUPPORT, _CONFIDENCE, _LEVERAGE, _HELD)
        for code in bands.names
    ),
)


def conditions(gist: TradeGist) -> tuple[str, ...]:
    """Return the code of every condition a trade met, at most one per rule."""
    entry, side = gist.entry, gist.side
    codes: list[str | None] = [
        _SIDES[side],
        _LEVERAGE.of(gist.leverage),
        _HOURS[hours(gist.opened_at)],
        _HELD.of((gist.closed_at - gist.opened_at).total_seconds()),
    ]
    if entry is not None:
        facts = entry.facts
        codes += (
            _CONFIDENCE.of(entry.confidence_score),
            *[bands.of(facts[name]) for name, bands in _OF_FACTS if name in facts],
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
    return _SUPPORT.of(distance / atr) if distance >= 0 and atr > 0 else None
