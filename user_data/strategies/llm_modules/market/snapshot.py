"""One pair's market at the close of one candle, or a sentence that says why there is none."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from llm_modules.domain import Candles, FloatArray, MarketRules, MarketSnapshot, TimeframeView
from llm_modules.errors import MarketDataError
from llm_modules.market.candle_checks import closed_by, defects, utc_text
from llm_modules.market.facts import market_facts
from llm_modules.market.indicators import LateIndicators, compute
from llm_modules.market.kept import KeptWithCandles
from llm_modules.market.timeframes import duration_ms

# The slowest of our indicators, EMA 50, with a few candles to settle.
FEWEST_CANDLES = 60
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class _Reading:
    """What candles of one timeframe say: what is wrong with them, or their indicators."""

    defects: tuple[str, ...]
    indicators: Mapping[str, FloatArray]


_NOTHING = _Reading((), {})
_READINGS: KeptWithCandles[_Reading] = KeptWithCandles()


def build_snapshot(
    pair: str,
    candle_at: datetime,
    frames: Sequence[Candles],
    rules: MarketRules,
    extra: Sequence[str] = (),
    funding_rate: float | None = None,
) -> MarketSnapshot:
    """Build the snapshot of a pair as it was known when the candle closed at `candle_at`.

    `frames[0]` holds the main timeframe, the others the informative ones. All are cut to what had
    closed by then before anything is computed. `extra` names further indicators of pandas_ta. A
    `funding_rate`, as a ratio, becomes a fact in percent.

    Raises MarketDataError when the newest main candle does not close exactly at `candle_at`, an
    informative one closed a whole candle or more before it, there are fewer than 60 main candles,
    a number in any candle is damaged, one of the newest 50 of a timeframe is missing, doubled or
    out of order, or the price step is no positive number.
    """
    at_ms = (candle_at - _EPOCH) // _MILLISECOND
    if not (math.isfinite(rules.price_step) and rules.price_step > 0):
        raise MarketDataError(f"{pair!r}: the price step {rules.price_step} is not above zero")
    # First of all: whatever is computed below cannot know what came later.
    known = [closed_by(candles, at_ms) for candles in frames]
    views = []
    for position, candles in enumerate(known):
        problems = _problems(candles, at_ms, is_main=position == 0)
        reading = _NOTHING if problems else _read(candles, extra)
        if problems or reading.defects:
            told = "; ".join(problems or reading.defects)
            raise MarketDataError(f"{pair!r} {candles.timeframe}: {told}")
        views.append(TimeframeView(candles, reading.indicators))
    main, *informative = views
    facts = market_facts(main, informative)
    if funding_rate is not None:
        facts["funding_rate_pct"] = funding_rate * 100
    return _snapshot(pair, candle_at, rules, views, facts)


def snapshot_of_facts(
    pair: str,
    candle_at: datetime,
    frames: Sequence[Candles],
    rules: MarketRules,
    extra: Sequence[str],
    facts: Mapping[str, float],
) -> MarketSnapshot:
    """Return what `build_snapshot` does, where its facts are known already.

    Nothing is judged again, which whoever found the facts has done, and indicators are computed
    only when they are asked for: who has the market's page needs none.
    """
    at_ms = (candle_at - _EPOCH) // _MILLISECOND
    known = [closed_by(candles, at_ms) for candles in frames]
    views = [TimeframeView(candles, LateIndicators(candles, extra)) for candles in known]
    return _snapshot(pair, candle_at, rules, views, facts)


def _snapshot(
    pair: str,
    candle_at: datetime,
    rules: MarketRules,
    views: Sequence[TimeframeView],
    facts: Mapping[str, float],
) -> MarketSnapshot:
    main, *informative = views
    return MarketSnapshot(
        pair=pair,
        candle_at=candle_at,
        price=main.candles.close.item(-1),
        rules=rules,
        main=main,
        informative=tuple(informative),
        facts=facts,
    )


def _problems(candles: Candles, at_ms: int, *, is_main: bool) -> tuple[str, ...]:
    """Return why candles cannot be used: one sentence each, an empty tuple when they can."""
    # Without a single candle there is nothing to be fresh, which the next check needs.
    if not len(candles):
        return ("no candle had closed yet",)
    duration = duration_ms(candles.timeframe)
    newest_close_ms = candles.open_times.item(-1) + duration
    if at_ms - newest_close_ms >= (1 if is_main else duration):
        wanted = utc_text(at_ms)
        return (f"stale: the newest candle closed at {utc_text(newest_close_ms)}, not {wanted}",)
    if is_main and len(candles) < FEWEST_CANDLES:
        return (f"{len(candles)} candles are too few, {FEWEST_CANDLES} are needed",)
    return ()


def _read(candles: Candles, extra: Sequence[str]) -> _Reading:
    def read() -> _Reading:
        found = defects(candles)
        return _Reading(found, {} if found else compute(candles, extra))

    return _READINGS.of(candles, tuple(extra), read)
