"""Nothing later than the candle reaches the prompt, byte for byte."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from context.scenes import (
    HOLD,
    PAIR,
    RULES,
    WAIT,
    a_context,
    a_position,
    a_risk,
    an_account,
    an_experience,
    since_entry,
)
from llm_modules.context.builder import ContextBuilder
from llm_modules.context.pages import PairView
from llm_modules.dialogue import Prompt
from llm_modules.domain import Candles
from llm_modules.market.snapshot import build_snapshot
from llm_modules.market.timeframes import duration_ms
from market.made_candles import candles_of, made_candles, real_frame, rows_of

CONTEXT = a_context(
    include_multi_timeframe_data=True,
    indicator_history_points=40,
    raw_kline_history_points=40,
    extra_indicators=("ichimoku", "dpo", "vwap"),
)
BUILDER = ContextBuilder(CONTEXT, a_risk())
FRAMES = tuple(
    made_candles(timeframe, rows=rows, ticks=870_000, step=0.1, seed=rows)
    for timeframe, rows in (("30m", 400), ("1h", 250), ("4h", 90))
)
HELD = 3


def known_at(candles: Candles, at_ms: int) -> Candles:
    """What a recorder that stopped at that moment would hold."""
    count = sum(
        opened + duration_ms(candles.timeframe) <= at_ms for opened in candles.open_times.tolist()
    )
    return rows_of(candles, slice(0, count))


def prompt_at(at_ms: int, frames: tuple[Candles, ...], *, is_held: bool) -> Prompt:
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    snapshot = build_snapshot(PAIR, at, frames, RULES, CONTEXT.extra_indicators)
    position, tool = (a_position(), HOLD) if is_held else (None, WAIT)
    past, changes = an_experience(HELD), since_entry(position, snapshot)
    return BUILDER.build(PairView(snapshot, position, past, changes), an_account(), (tool,))


@given(cut=st.integers(60, 400), is_held=st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_prompt_of_truncated_candles_is_that_of_all_candles(cut: int, *, is_held: bool) -> None:
    at_ms = int(FRAMES[0].open_times[cut - 1]) + duration_ms("30m")
    truncated = tuple(known_at(candles, at_ms) for candles in FRAMES)

    prompt = prompt_at(at_ms, FRAMES, is_held=is_held)

    assert prompt == prompt_at(at_ms, truncated, is_held=is_held)
    text = prompt.messages[1].content
    assert f"candle={datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%dT%H:%M}" in text
    assert all(f" {fact}=" in text for fact in ("atr_ratio", "macd_pct"))
    assert "\n4h " in text
    assert ("since entry: price 86900.0->" in text) is is_held


@pytest.mark.parametrize("cut", [80, 1_000, 5_001, 17_000])
def test_the_same_holds_for_real_candles(cut: int) -> None:
    candles = candles_of(real_frame("BTC"), "5m")
    at_ms = int(candles.open_times[cut - 1]) + duration_ms("5m")

    whole = prompt_at(at_ms, (candles,), is_held=False)

    assert whole == prompt_at(at_ms, (known_at(candles, at_ms),), is_held=False)


def test_a_candle_that_has_not_closed_yet_changes_nothing() -> None:
    at_ms = int(FRAMES[0].open_times[300])
    later = [rows_of(candles, slice(0, 301)) for candles in FRAMES[:1]]
    spiked = rows_of(later[0], slice(None))
    spiked.close[-1] *= 100
    spiked.high[-1] *= 100

    assert prompt_at(at_ms, tuple(later), is_held=False) == prompt_at(
        at_ms, (spiked,), is_held=False
    )
