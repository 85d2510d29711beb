"""The replay is the same for the same seed, and everything that can go wrong does go wrong."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders import a_position, a_prompt
from llm_modules.dialogue import ToolRequest
from llm_modules.errors import ModelError, UserError
from llm_modules.market.snapshot import build_snapshot
from llm_modules.selftest import market as market_module
from llm_modules.selftest.bench import Parts
from llm_modules.selftest.market import (
    CANDLE,
    WINDOW_ROWS,
    RecordedMarket,
    bar_of,
    cut,
    made_candles,
    recorded_market,
    without,
)
from llm_modules.selftest.reckless import LARGEST_STAKE, RecklessModel
from llm_modules.selftest.replay import Replay
from llm_modules.selftest.stage import DAY, PAIR, RULES
from llm_modules.tools.calls import Adjust, Entry, ToolCall
from llm_modules.tools.parse import read_reply
from llm_modules.tools.schema import offered_tools
from shipped import DATA, shipped_config


@pytest.fixture(scope="module")
def market() -> RecordedMarket:
    return recorded_market(DATA, 400)


def played(market: RecordedMarket, folder: Path, seed: int, candles: int = 60) -> Replay:
    replay = Replay(shipped_config(), market, folder, seed, Parts())
    replay.run(candles)
    replay.close()
    return replay


def told(replay: Replay) -> tuple[Any, ...]:
    inspector = replay.inspector
    return (
        replay.tally,
        inspector.counts,
        inspector.statuses,
        inspector.checked,
        inspector.worst,
        (inspector.orders, inspector.fills),
    )


def test_the_same_seed_gives_the_same_replay(market: RecordedMarket, tmp_path: Path) -> None:
    one = played(market, tmp_path / "one", 5)
    other = played(market, tmp_path / "other", 5)
    assert told(one) == told(other)
    third = played(market, tmp_path / "third", 6)
    assert told(third) != told(one)


def test_the_replay_ends_with_the_candles(market: RecordedMarket, tmp_path: Path) -> None:
    short = RecordedMarket({pair: market.window(pair, 399) for pair in market.pairs}, market.rules)
    assert short.rows == WINDOW_ROWS
    heard: list[None] = []
    replay = Replay(shipped_config(), short, tmp_path, 1, Parts())
    replay.run(50, lambda: heard.append(None))
    replay.close()
    # Each candle needs the one after it.
    assert (replay.tally.candles, len(heard)) == (0, 0)


def test_progress_is_heard_of_after_each_candle(market: RecordedMarket, tmp_path: Path) -> None:
    heard: list[None] = []
    replay = Replay(shipped_config(), market, tmp_path, 1, Parts())
    replay.run(7, lambda: heard.append(None))
    replay.close()
    assert len(heard) == replay.tally.candles == 7
    assert replay.tally.decisions <= 14


def test_the_newest_candles_are_replayed(market: RecordedMarket) -> None:
    assert market.rows == 400
    assert PAIR in market.pairs
    window = market.window(PAIR, 300)
    assert len(window) == WINDOW_ROWS
    whole = recorded_market(DATA, 500).window(PAIR, 400)
    assert np.array_equal(window.open_times, whole.open_times)
    assert market.closed_at(301) - market.closed_at(300) == CANDLE
    bar = market.bars(300)[PAIR]
    assert bar == bar_of(window, -1)
    assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
    assert len(market.returns(300)[PAIR].values) == 96


def test_more_candles_than_there_are_is_an_error() -> None:
    with pytest.raises(UserError, match="ask for fewer"):
        recorded_market(DATA, 1_000_000)


def test_made_candles_are_sound_and_end_where_they_should() -> None:
    candles = made_candles(DAY, 250.0)
    snapshot = build_snapshot(PAIR, DAY, (candles,), RULES)
    assert snapshot.price == pytest.approx(250.0)
    assert 20 < snapshot.facts["rsi"] < 80
    assert (candles.high >= candles.close).all()
    assert (candles.low <= candles.close).all()


def test_candles_can_be_cut_and_holed() -> None:
    candles = made_candles(DAY, rows=10)
    assert list(cut(candles, 5, 3).close) == list(candles.close[2:5])
    assert list(cut(candles, 2, 3).close) == list(candles.close[:2])
    assert list(without(candles, [0, 9]).volume) == list(candles.volume[1:9])


def a_model(seed: int) -> RecklessModel:
    return RecklessModel(random.Random(seed))  # noqa: S311 - repeatable on purpose


def calls(seed: int, *, held: bool, count: int = 600) -> tuple[list[ToolCall], int]:
    """What a reckless model says: the calls that can be read, and how many cannot."""
    model = a_model(seed)
    snapshot = build_snapshot(PAIR, DAY, (made_candles(DAY),), RULES)
    model.face(snapshot, a_position(side="short") if held else None)
    prompt = a_prompt("in_position" if held else "flat")
    read: list[ToolCall] = []
    for _ in range(count):
        try:
            read.append(read_reply(model(prompt), PAIR, prompt.tools))
        except ModelError:
            continue
    return read, count - len(read)


def test_a_reckless_model_asks_for_everything() -> None:
    read, unreadable = calls(1, held=False)
    entries = [call for call in read if isinstance(call, Entry)]
    assert 0.05 < unreadable / 600 < 0.3
    assert len(entries) > len(read) / 2
    assert {call.leverage for call in entries} == {100.0, 1.0}
    assert {call.stake_amount for call in entries} == {LARGEST_STAKE, None}
    assert {call.target_price is None for call in entries} == {True, False}
    assert {call.stop_price is None for call in entries} == {True, False}


def test_a_reckless_model_in_a_position_adds_reduces_holds_and_leaves() -> None:
    read, _ = calls(2, held=True)
    assert {call.tool for call in read} == {"signal_exit", "adjust_position", "signal_hold"}
    changes = {call.adjustment_pct for call in read if isinstance(call, Adjust)}
    assert changes == {100.0, -99.0, -50.0, -1.0}


def test_a_model_that_faces_nothing_calls_nothing() -> None:
    model = a_model(1)
    assert model(a_prompt()).tool_requests == ()


def test_a_reckless_model_calls_tools_that_were_not_offered() -> None:
    model = a_model(3)
    model.face(build_snapshot(PAIR, DAY, (made_candles(DAY),), RULES), None)
    offered = {tool.name for tool in offered_tools("flat")}
    prompt = a_prompt()
    requests: list[ToolRequest] = [
        request for _ in range(400) for request in model(prompt).tool_requests
    ]
    assert {request.name for request in requests} > offered


def test_the_market_of_the_replay_has_tiers() -> None:
    leverages = [tier.max_leverage for tier in market_module.TIERS]
    assert leverages == sorted(leverages, reverse=True)
    assert market_module.TIERS[-1].max_notional == np.inf
