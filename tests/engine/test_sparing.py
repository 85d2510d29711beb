"""When a question is not asked: turn by turn, and while nothing changes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from builders import NOON, PAIR, a_question
from llm_modules.engine.sparing import Skip
from llm_modules.journal.records import HaltRecord, OutcomeRecord
from sparing_scenes import (
    FACTS,
    a_holding,
    a_snapshot,
    asked,
    at_candle,
    close_of,
    skip_at,
    sparing,
)

UNCHANGED = {"skip_unchanged": True}
CACHED = {"cache_minutes": 120.0}
LOUD: list[dict[str, Any]] = [
    {"status": "failed", "tool": None},
    {"status": "refused"},
    {"status": "clamped"},
    {"tool": "signal_entry_long"},
    {"tool": "signal_entry_short"},
    {"tool": "signal_hold"},
]


def test_as_shipped_every_candle_is_asked_about() -> None:
    made = sparing(asked(0))
    assert [skip_at(made, number) for number in range(8)] == [None] * 8


# Cadence


@pytest.mark.parametrize(("every", "turns"), [(1, [1, 2, 3, 4]), (2, [2, 4]), (3, [3]), (4, [4])])
def test_while_flat_only_every_nth_candle_has_its_turn(every: int, turns: list[int]) -> None:
    made = sparing(asked(0), flat_every_candles=every)
    assert [number for number in range(1, 5) if skip_at(made, number) is None] == turns


def test_while_in_a_position_another_cadence_holds() -> None:
    position = a_holding()
    made = sparing(asked(0, position), flat_every_candles=4, in_position_every_candles=2)
    assert [number for number in range(1, 5) if skip_at(made, number, position) is None] == [2, 4]
    assert skip_at(made, 1, position) == Skip("cadence: asked every 2 candles while in position")
    flat = sparing(asked(0), flat_every_candles=4)
    assert skip_at(flat, 1) == Skip("cadence: asked every 4 candles while flat")


def test_all_pairs_have_the_same_turn_and_it_is_the_full_hour() -> None:
    for pair in ("BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT"):
        made = sparing(asked(0, pair=pair), flat_every_candles=2)
        turns = [
            close_of(number).minute
            for number in range(8)
            if made.reason_to_skip(at_candle(number, pair=pair), a_snapshot(number)) is None
        ]
        assert turns == [0, 0, 0, 0]


def test_the_turn_depends_on_the_candle_alone() -> None:
    one, other = (sparing(asked(number), flat_every_candles=3) for number in (0, 4))
    assert [skip_at(one, number) for number in range(9)] == [
        skip_at(other, number) for number in range(9)
    ]


def test_a_pair_that_was_never_asked_about_need_not_wait_for_its_turn() -> None:
    assert skip_at(sparing(flat_every_candles=4), 1) is None
    made = sparing(asked(0, pair="ETH/USDT:USDT"), flat_every_candles=4)
    assert skip_at(made, 1) is None


def test_after_a_failure_the_next_candle_is_asked_about() -> None:
    failed = asked(0, status="failed", tool=None)
    assert skip_at(sparing(failed, flat_every_candles=4), 1) is None


def test_what_was_refused_while_flat_waits_for_its_turn() -> None:
    refused = asked(0, status="refused", tool="signal_entry_long")
    assert skip_at(sparing(refused, flat_every_candles=4), 1) is not None


@pytest.mark.parametrize(
    "newest",
    [
        asked(0, tool="signal_entry_long"),
        asked(0, a_holding(), tool="signal_exit"),
        asked(0, a_holding(), tool="adjust_position"),
        asked(0, a_holding(), status="refused", tool="signal_exit"),
        asked(0, a_holding(trade_id=6)),
        asked(0, a_holding(entries=2)),
        asked(0, a_holding(adjustments=1)),
        asked(0, a_holding(), held=None),
    ],
)
def test_a_position_that_is_new_or_changed_or_to_be_changed_is_asked_about_at_once(
    newest: Any,
) -> None:
    made = sparing(newest, in_position_every_candles=4)
    assert skip_at(made, 1, a_holding()) is None
    assert skip_at(sparing(asked(0, a_holding()), in_position_every_candles=4), 1, a_holding())


def test_a_position_that_closed_is_asked_about_at_once() -> None:
    made = sparing(asked(0, a_holding()), flat_every_candles=4)
    assert skip_at(made, 1) is None


def test_a_moved_stop_or_profit_does_not_break_the_cadence() -> None:
    made = sparing(asked(0, a_holding()), in_position_every_candles=4)
    assert skip_at(made, 1, a_holding(stop_price=98.0, profit_ratio=0.2)) is not None


# Unchanged


def test_an_unchanged_market_is_not_asked_about_again() -> None:
    skip = skip_at(sparing(asked(0), **UNCHANGED), 1, price=99.9)
    assert skip == Skip("unchanged: price -0.10 % since 2026-01-15T12:00:00Z", "d0")


def test_the_time_it_was_asked_is_told_in_utc_whatever_the_journal_says() -> None:
    tokyo = close_of(0).astimezone(timezone(timedelta(hours=9)))
    skip = skip_at(sparing(asked(0, candle_at=tokyo), **UNCHANGED), 1)
    assert skip is not None
    assert skip.why.endswith("since 2026-01-15T12:00:00Z")


@pytest.mark.parametrize("keys", [UNCHANGED, CACHED])
def test_a_changed_market_is_asked_about(keys: Any) -> None:
    assert skip_at(sparing(asked(0), **keys), 1, price=101.0) is None
    assert skip_at(sparing(asked(0), **keys), 1, rsi=60.0) is None


@pytest.mark.parametrize("keys", [UNCHANGED, CACHED])
@pytest.mark.parametrize("loud", LOUD)
def test_only_a_wait_that_passed_the_gate_as_it_was_is_repeated(loud: Any, keys: Any) -> None:
    assert skip_at(sparing(asked(0, **loud), **keys), 1) is None
    # Nor one before it: something has happened since.
    assert skip_at(sparing(asked(0), asked(1, **loud), **keys), 2) is None
    assert skip_at(sparing(asked(0, **loud), asked(1), **keys), 2) is not None


@pytest.mark.parametrize("keys", [UNCHANGED, CACHED])
@pytest.mark.parametrize("tool", ["signal_exit", "adjust_position", "signal_wait"])
def test_in_a_position_only_a_hold_is_repeated(tool: str, keys: Any) -> None:
    position = a_holding()
    assert skip_at(sparing(asked(0, position, tool=tool), **keys), 1, position) is None
    assert skip_at(sparing(asked(0, position), **keys), 1, position) is not None


@pytest.mark.parametrize(
    ("longest", "asked_at"), [(1, [2]), (2, [3]), (3, [4]), (6, []), (1000, [])]
)
def test_silence_has_its_longest(longest: int, asked_at: list[int]) -> None:
    made = sparing(asked(0), longest_silence_candles=longest, **UNCHANGED)
    assert [number for number in range(1, 5) if skip_at(made, number) is None][:1] == asked_at


def test_the_cache_does_not_make_a_silence_longer() -> None:
    keys = {"cache_minutes": 10_080.0, "longest_silence_candles": 2}
    made = sparing(asked(0), **keys)
    assert [skip_at(made, number) is None for number in (1, 2, 3)] == [False, False, True]


@pytest.mark.parametrize(("longest", "spared"), [(3, False), (4, False), (5, True), (6, True)])
def test_silence_counts_the_candles_until_the_next_turn(longest: int, *, spared: bool) -> None:
    # Asked at 0; not asked at 3, its next turn is 6: five candles of silence.
    keys = {"flat_every_candles": 3, "longest_silence_candles": longest}
    made = sparing(asked(0), **keys, **UNCHANGED)
    assert (skip_at(made, 3) is not None) is spared


@pytest.mark.parametrize("number", [0, -1])
def test_the_same_candle_or_an_earlier_one_is_never_a_repetition(number: int) -> None:
    assert skip_at(sparing(asked(0), **UNCHANGED), number) is None
    assert skip_at(sparing(asked(0), **CACHED), number) is None


def test_what_was_skipped_changes_nothing() -> None:
    skipped = asked(1, status="skipped", tool=None, facts=FACTS | {"price": 100.29})
    made = sparing(asked(0), skipped, longest_silence_candles=2, **UNCHANGED)
    # Compared with what was asked, not with what was skipped: a slow drift is seen.
    assert skip_at(made, 2, price=100.31) is None
    assert skip_at(made, 2, price=100.29) is not None
    assert skip_at(made, 3) is None


def test_outcomes_and_halts_change_nothing() -> None:
    made = sparing(asked(0), **UNCHANGED)
    made.note(
        OutcomeRecord(decision_id="x", at=NOON, pair=PAIR, tool="signal_exit", outcome="filled")
    )
    made.note(HaltRecord(at=NOON, mode="sandbox", event="halted", text="x", equity=None))
    assert skip_at(made, 1) is not None


def test_each_pair_has_its_own_memory() -> None:
    made = sparing(asked(0, pair="ETH/USDT:USDT"), **UNCHANGED, **CACHED)
    assert skip_at(made, 1) is None


def test_candles_of_another_timeframe_are_not_compared() -> None:
    for timeframe in ("", "1h"):
        assert skip_at(sparing(asked(0, timeframe=timeframe), **UNCHANGED), 1) is None


def test_a_record_without_facts_is_no_state_to_compare_with() -> None:
    assert skip_at(sparing(asked(0, facts={}), **UNCHANGED), 1) is None
    position = a_holding()
    assert skip_at(sparing(asked(0, position, facts={}), **UNCHANGED), 1, position) is None


def test_without_either_key_nothing_is_repeated() -> None:
    assert skip_at(sparing(asked(0)), 1) is None


# Positions


@pytest.mark.parametrize("keys", [UNCHANGED, CACHED])
def test_a_position_that_opened_or_closed_since_is_asked_about(keys: Any) -> None:
    position = a_holding()
    assert skip_at(sparing(asked(0), **keys), 1, position) is None
    assert skip_at(sparing(asked(0, position), **keys), 1) is None
    assert skip_at(sparing(asked(0), asked(1, position), **keys), 2) is None


def test_a_held_position_at_about_the_same_profit_is_not_asked_about() -> None:
    made = sparing(asked(0, a_holding()), **UNCHANGED)
    assert skip_at(made, 1, a_holding(profit_ratio=0.035)) is not None
    assert skip_at(made, 1, a_holding(profit_ratio=0.045)) is None


@pytest.mark.parametrize("keys", [UNCHANGED, CACHED])
def test_beyond_a_level_of_the_position_it_is_always_asked_about(keys: Any) -> None:
    position = a_holding(stop_price=99.9)
    made = sparing(asked(0, position), **keys)
    assert skip_at(made, 1, position, price=99.95) is not None
    assert skip_at(made, 1, position, price=99.9) is None


# Cache


def test_an_earlier_state_counts_for_the_minutes_of_the_cache() -> None:
    elsewhere = asked(1, facts=FACTS | {"price": 105.0})
    made = sparing(asked(0), elsewhere, **CACHED)
    skip = skip_at(made, 2, price=100.1)
    assert skip == Skip("cached: price +0.10 % since 2026-01-15T12:00:00Z", "d0")
    assert skip_at(sparing(asked(0), elsewhere, **UNCHANGED), 2, price=100.1) is None


@pytest.mark.parametrize(("minutes", "spared"), [(0, False), (29, False), (30, True), (59, True)])
def test_the_cache_ends_with_its_minutes(minutes: float, *, spared: bool) -> None:
    made = sparing(asked(0), cache_minutes=minutes)
    assert (skip_at(made, 1) is not None) is spared
    assert skip_at(made, 2) is None


def test_of_several_like_states_the_newest_is_repeated() -> None:
    made = sparing(asked(0), asked(1, facts=FACTS | {"price": 105.0}), asked(2), **CACHED)
    skip = skip_at(made, 3)
    assert skip is not None
    assert skip.repeats == "d2"


def test_the_last_state_comes_before_the_cache() -> None:
    skip = skip_at(sparing(asked(0), **UNCHANGED, **CACHED), 1)
    assert skip is not None
    assert skip.why.startswith("unchanged: ")


def test_a_cached_state_before_something_happened_does_not_count() -> None:
    entered = asked(1, tool="signal_entry_long")
    closed = asked(2, facts=FACTS | {"price": 105.0})
    assert skip_at(sparing(asked(0), entered, closed, **CACHED), 3) is None


# Candles of any length


@pytest.mark.parametrize(
    ("timeframe", "minutes"), [("5m", 5), ("30m", 30), ("4h", 240), ("1d", 1440), ("1w", 10_080)]
)
def test_turns_are_counted_in_candles_of_the_timeframe(timeframe: str, minutes: int) -> None:
    """A week's candles close on Mondays and the epoch was a Thursday: they still take turns."""
    span, first = timedelta(minutes=minutes), datetime(2026, 1, 5, tzinfo=UTC)
    made = sparing(asked(0), flat_every_candles=2)
    market = a_snapshot()
    view = replace(market.main, candles=replace(market.main.candles, timeframe=timeframe))
    turns = []
    for number in range(6):
        question = a_question(candle_at=first + number * span)
        snapshot = replace(market, candle_at=question.candle_at, main=view)
        turns.append(made.reason_to_skip(question, snapshot) is None)
    assert turns in ([True, False] * 3, [False, True] * 3)
