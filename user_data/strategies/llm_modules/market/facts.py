"""The few plain numbers that sum a market up, for the model, the gate and the journal."""

from collections.abc import Mapping, Sequence
from math import isfinite

import numpy as np

from llm_modules.domain import Candles, FloatArray, TimeframeView
from llm_modules.market.kept import KeptWithCandles
from llm_modules.market.timeframes import duration_ms

LEVEL_CANDLES = 20
# About a day of 30m candles: what is usual of the market, not of the last hour.
USUAL_ATR_VALUES = 50
# A mean of fewer says little more than the newest value.
FEWEST_ATR_VALUES = 20
_HOUR_MS = 3_600_000
_DAY_MS = 86_400_000

Number = float | None
_TOLD: KeptWithCandles[tuple[Mapping[str, FloatArray], dict[str, float]]] = KeptWithCandles()


def market_facts(main: TimeframeView, informative: Sequence[TimeframeView]) -> dict[str, float]:
    """Return the facts of a snapshot: finite numbers only, what is not known is left out.

    `_pct` values are percent. `support` and `resistance` are the lowest low and highest high of
    the newest 20 candles, `bb_position` is 0 at the lower Bollinger band and 1 at the upper,
    `volume_ratio` compares the newest volume with the mean of 20, and `atr_ratio` the newest ATR
    with the mean of up to 50: 1 is usual volatility. Facts of an informative timeframe bear its
    name, as in `rsi_1h`.
    """
    change = _change_pct_24h((main, *informative))
    facts = _known({**_trend(main), **_detail(main), "change_pct_24h": change})
    for view in informative:
        facts |= _informative_facts(view)
    return facts


def _informative_facts(view: TimeframeView) -> dict[str, float]:
    """Return the trend of an informative timeframe, worked out once for its candles.

    It depends on the newest candle and the indicators, which are kept too: as long as they are,
    no others can have their id.
    """
    indicators = view.indicators

    def told() -> tuple[Mapping[str, FloatArray], dict[str, float]]:
        named = {f"{name}_{view.timeframe}": value for name, value in _trend(view).items()}
        return indicators, _known(named)

    return _TOLD.of(view.candles, id(indicators), told)[1]


def _known(facts: Mapping[str, Number]) -> dict[str, float]:
    return {name: value for name, value in facts.items() if value is not None and isfinite(value)}


def _trend(view: TimeframeView) -> dict[str, Number]:
    """Return what is told of every timeframe: momentum, trend strength, volatility, direction."""
    price: float = view.candles.close.item(-1)
    gap = _ratio(view.latest("ema_20"), view.latest("ema_50"))
    return {
        "rsi": view.latest("rsi_14"),
        "adx": view.latest("adx_14"),
        "atr_pct": _percent(_ratio(view.latest("atr_14"), price)),
        "ema_gap_pct": None if gap is None else (gap - 1) * 100,
    }


def _detail(view: TimeframeView) -> dict[str, Number]:
    """Return what is told of the main timeframe only."""
    candles = view.candles
    price: float = candles.close.item(-1)
    # Plain floats: a sum beyond the largest float is infinite there, and no warning.
    volumes: list[float] = candles.volume[-LEVEL_CANDLES:].tolist()
    return {
        "atr_ratio": _atr_ratio(view),
        "mfi": view.latest("mfi_14"),
        "macd_pct": _percent(_ratio(view.latest("macd"), price)),
        "macd_hist_pct": _percent(_ratio(view.latest("macd_hist"), price)),
        "bb_position": _band_position(view, price),
        "volume_ratio": _ratio(volumes[-1], sum(volumes) / len(volumes)),
        "support": min(candles.low[-LEVEL_CANDLES:].tolist()),
        "resistance": max(candles.high[-LEVEL_CANDLES:].tolist()),
    }


def _atr_ratio(view: TimeframeView) -> Number:
    known: list[float] = view.indicators["atr_14"][-USUAL_ATR_VALUES:].tolist()
    # No value of a finite sum is missing: only while it warms up must each be looked at.
    total = sum(known)
    if not isfinite(total):
        known = [value for value in known if isfinite(value)]
        total = sum(known)
    if len(known) < FEWEST_ATR_VALUES:
        return None
    return _ratio(view.latest("atr_14"), total / len(known))


def _band_position(view: TimeframeView, price: float) -> Number:
    lower, upper = view.latest("bb_lower"), view.latest("bb_upper")
    return None if lower is None or upper is None else _ratio(price - lower, upper - lower)


def _change_pct_24h(views: Sequence[TimeframeView]) -> Number:
    """Return the change over a day, from the finest timeframe that reaches back so far.

    A 1m history may be shorter than a day: the 1h candles then give a close that is up to an hour
    older than 24 h, which is accepted; anything coarser is not called a day.
    """
    now = views[0].candles
    day_ago_ms = now.open_times.item(-1) + duration_ms(now.timeframe) - _DAY_MS
    # Views go from fine to coarse, so the first that fits is the most exact.
    for view in views:
        past = _close_near(view.candles, day_ago_ms)
        if past is not None:
            return (now.close.item(-1) / past - 1) * 100
    return None


def _close_near(candles: Candles, at_ms: int) -> Number:
    """Return the close of the newest candle that closed at `at_ms` or up to an hour before."""
    opened_ms = at_ms - duration_ms(candles.timeframe)
    times = candles.open_times
    if candles.is_flawless:
        end = int(times.searchsorted(opened_ms, side="right"))
        fits = end > 0 and times.item(end - 1) > opened_ms - _HOUR_MS
        return candles.close.item(end - 1) if fits else None
    found = np.flatnonzero((times <= opened_ms) & (times > opened_ms - _HOUR_MS))
    return float(candles.close[found[-1]]) if len(found) else None


def _ratio(part: Number, whole: Number) -> Number:
    return part / whole if part is not None and whole else None


def _percent(ratio: Number) -> Number:
    return None if ratio is None else ratio * 100
