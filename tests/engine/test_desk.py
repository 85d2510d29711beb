import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from builders import (
    NOON,
    PAIR,
    a_booking,
    a_closed_trade,
    a_decision_record,
    a_position,
    a_question,
    a_risk,
    a_thesis,
    a_trade_record,
    an_account,
)
from fakes import ScriptedClient, answering
from llm_modules.engine.cycle import Rooms
from llm_modules.engine.desk import Desk
from llm_modules.engine.question import Present, World
from llm_modules.engine.recording import close_of, outcome_record
from llm_modules.gate.emergency import BREACHES_TO_TRIP, EmergencyStop
from llm_modules.gate.halt import HaltSwitch
from llm_modules.journal.gist import gist_of
from llm_modules.journal.records import Approved, DecisionRecord
from rooms import decisions, halts, outcomes, some_rooms, trades

LATER = NOON + timedelta(minutes=31)


def a_stop(folder: Path) -> EmergencyStop:
    return EmergencyStop(HaltSwitch(folder, "sandbox"), folder / "risk.json", a_risk())


@contextmanager
def a_desk(folder: Path, **blocks: Any) -> Iterator[tuple[Desk, Rooms]]:
    present = Present(World(an_account(version=0), {}))
    client = ScriptedClient([answering("signal_wait")])
    rooms = replace(some_rooms(folder, client, **blocks), world=present)
    desk = Desk(rooms, present, a_stop(folder), "sandbox")
    desk.start([])
    try:
        yield desk, rooms
    finally:
        desk.stop()


def soon(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 30
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert condition()


def observe(desk: Desk, *positions: Any, equity: float = 1000.0, busy: Any = ()) -> None:
    desk.observe(an_account(equity=equity), positions, busy, NOON)


def test_a_question_is_decided_recorded_and_drawn(tmp_path: Path) -> None:
    with a_desk(tmp_path) as (desk, rooms):
        observe(desk)
        desk.ask([a_question()])
        soon(lambda: desk.chart(PAIR, NOON, NOON))
        (record,) = desk.chart(PAIR, NOON, NOON)
        assert decisions(rooms) == [record]
        assert desk.chart(PAIR, LATER, LATER) == ()
        assert desk.chart("ETH/USDT:USDT", NOON, NOON) == ()


def test_past_decisions_are_drawn_again_after_a_restart(tmp_path: Path) -> None:
    present = Present(World(an_account(), {}))
    rooms = some_rooms(tmp_path, ScriptedClient([answering("signal_wait")]))
    desk = Desk(rooms, present, a_stop(tmp_path), "sandbox")
    desk.start([a_decision_record()])
    assert desk.chart(PAIR, NOON, NOON) == (a_decision_record(),)
    desk.stop()


def test_the_newest_candle_with_an_approved_order_is_known_for_each_pair(tmp_path: Path) -> None:
    with a_desk(tmp_path) as (desk, _):
        later = NOON + timedelta(minutes=30)
        latest = later + timedelta(minutes=30)
        entry = "signal_entry_long"
        for record in (
            a_decision_record(candle_at=later, tool="adjust_position", status="clamped"),
            a_decision_record(tool=entry),
            a_decision_record(candle_at=latest, tool=entry, status="refused"),
            a_decision_record(candle_at=latest, tool=None, status="failed"),
            a_decision_record(candle_at=latest),
            a_decision_record(candle_at=latest, tool="signal_exit"),
            a_decision_record(pair="ETH/USDT:USDT", tool="signal_entry_short"),
        ):
            desk._draw(record)
        assert desk.decided_candles() == {PAIR: later, "ETH/USDT:USDT": NOON}


def test_a_decision_cut_short_by_a_stop_is_asked_again(tmp_path: Path) -> None:
    present = Present(World(an_account(), {}))
    rooms = some_rooms(tmp_path, ScriptedClient([answering("signal_wait")]))
    desk = Desk(rooms, present, a_stop(tmp_path), "sandbox")
    booking = a_booking(decision_id="d-1")
    entry = a_decision_record(tool="signal_entry_long")
    desk.start([entry, outcome_record(booking, "aborted", NOON, trade_id=None)])
    assert desk.decided_candles() == {}
    desk.stop()


def test_each_observation_is_a_new_version_of_the_world(tmp_path: Path) -> None:
    with a_desk(tmp_path) as (desk, _):
        observe(desk, a_position())
        observe(desk, a_position())
        world = desk.world()
        assert world.account.version == 2
        assert world.account.halted is False
        assert world.account.peak_equity == 1000.0
        assert list(world.positions) == [PAIR]


def test_a_booked_entry_is_given_out_until_it_expires(tmp_path: Path) -> None:
    with a_desk(tmp_path) as (desk, rooms):
        observe(desk)
        rooms.book.put(a_booking())
        assert desk.entry(PAIR, NOON) == desk.entry(PAIR, NOON) == a_booking()
        assert desk.entry(PAIR, LATER) is None
        desk.observe(an_account(), (), (), LATER)
        soon(lambda: outcomes(rooms))
        assert [line.outcome for line in outcomes(rooms)] == ["expired"]


def test_no_entry_is_given_out_while_halted(tmp_path: Path) -> None:
    with a_desk(tmp_path) as (desk, rooms):
        observe(desk)
        rooms.book.put(a_booking())
        observe(desk, equity=float("nan"))
        assert desk.entry(PAIR, NOON) is None
        assert not desk.confirm_entry(PAIR, "long", 100.0, NOON)
        observe(desk)
        assert desk.entry(PAIR, NOON) is not None


@pytest.mark.parametrize(
    ("price", "confirmed"),
    [(100.0, True), (99.0, True), (101.0, True), (98.99, False), (101.01, False)],
)
def test_an_entry_is_confirmed_only_within_its_price_band(
    tmp_path: Path, price: float, confirmed: bool
) -> None:
    with a_desk(tmp_path) as (desk, rooms):
        observe(desk)
        rooms.book.put(a_booking())
        assert desk.confirm_entry(PAIR, "long", price, NOON) is confirmed
        assert (desk.entry(PAIR, NOON) is not None) is confirmed
        if not confirmed:
            soon(lambda: outcomes(rooms))
            assert outcomes(rooms)[0].outcome == "vetoed"
            assert "left the band 99 to 101" in outcomes(rooms)[0].detail


def test_an_entry_of_the_other_side_or_without_booking_is_not_confirmed(tmp_path: Path) -> None:
    with a_desk(tmp_path) as (desk, rooms):
        observe(desk)
        assert not desk.confirm_entry(PAIR, "long", 100.0, NOON)
        rooms.book.put(a_booking())
        assert not desk.confirm_entry(PAIR, "short", 100.0, NOON)


def test_exits_and_adjustments_belong_to_one_trade(tmp_path: Path) -> None:
    with a_desk(tmp_path) as (desk, rooms):
        observe(desk, a_position())
        rooms.book.put(a_booking(kind="exit", tool="signal_exit", trade_id=7))
        assert desk.exit_reason(PAIR, 7, NOON) == "signal_exit"
        assert desk.exit_reason(PAIR, 8, NOON) is None
        assert desk.exit_booking(PAIR, 7, NOON) is not None
        rooms.book.put(a_booking(kind="adjust", tool="adjust_position", trade_id=7))
        assert desk.adjustment(PAIR, 7, 100.0, NOON) is not None
        assert desk.adjustment(PAIR, 8, 100.0, NOON) is None
        assert desk.exit_reason(PAIR, 7, NOON) is None


@pytest.mark.parametrize(("stake", "given"), [(50.0, False), (-50.0, True)])
def test_while_halted_positions_may_shrink_but_not_grow(
    tmp_path: Path, stake: float, given: bool
) -> None:
    with a_desk(tmp_path) as (desk, rooms):
        observe(desk, a_position(), equity=float("nan"))
        rooms.book.put(a_booking(kind="adjust", trade_id=7, stake_amount=stake))
        assert (desk.adjustment(PAIR, 7, 100.0, NOON) is not None) is given


@pytest.mark.parametrize(("price", "stake", "given"), [(102.0, 50.0, False), (102.0, -50.0, True)])
def test_additions_obey_the_price_band_and_reductions_do_not(
    tmp_path: Path, price: float, stake: float, given: bool
) -> None:
    with a_desk(tmp_path) as (desk, rooms):
        observe(desk, a_position())
        rooms.book.put(a_booking(kind="adjust", trade_id=7, stake_amount=stake))
        assert (desk.adjustment(PAIR, 7, price, NOON) is not None) is given
        assert (rooms.book.look(PAIR, "adjust", NOON) is not None) is given


def test_the_emergency_stop_flattens_everything(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with a_desk(tmp_path) as (desk, rooms):
        observe(desk, a_position(), equity=1000.0)
        assert desk.exit_reason(PAIR, 7, NOON) is None
        for _ in range(BREACHES_TO_TRIP):
            observe(desk, a_position(), equity=849.0)
        assert desk.exit_reason(PAIR, 7, NOON) == "emergency_stop"
        assert desk.world().account.halted
        observe(desk, a_position(), equity=849.0)
        (notice,) = desk.notices()
        assert notice.startswith("Emergency stop: equity 849.00")
        assert desk.notices() == ()
        soon(lambda: halts(rooms))
        (record,) = halts(rooms)
        assert (record.event, record.equity, record.text) == ("tripped", 849.0, notice)
    assert caplog.text.count("Emergency stop: equity 849.00") == 1


def test_a_halt_by_hand_flattens_and_its_end_lets_trading_go_on(tmp_path: Path) -> None:
    with a_desk(tmp_path) as (desk, rooms):
        observe(desk, a_position())
        rooms.book.put(a_booking(pair="ETH/USDT:USDT"))
        (tmp_path / "HALT").touch()
        observe(desk, a_position())
        assert desk.exit_reason(PAIR, 7, NOON) == "halt"
        assert desk.entry("ETH/USDT:USDT", NOON) is None
        (tmp_path / "HALT").unlink()
        observe(desk, a_position())
        assert desk.exit_reason(PAIR, 7, NOON) is None
        assert not desk.world().account.halted
        assert desk.entry("ETH/USDT:USDT", NOON) is None
        soon(lambda: len(halts(rooms)) == 2)
        assert [(line.outcome, line.detail) for line in outcomes(rooms)] == [
            ("vetoed", "trading was halted")
        ]
        assert [line.event for line in halts(rooms)] == ["halted", "resumed"]


def test_before_the_account_was_ever_seen_nothing_is_closed(tmp_path: Path) -> None:
    with a_desk(tmp_path) as (desk, _):
        assert desk.exit_reason(PAIR, 7, NOON) is None


def test_a_halt_at_an_unknown_equity_is_recorded_without_one(tmp_path: Path) -> None:
    with a_desk(tmp_path) as (desk, rooms):
        (tmp_path / "HALT").touch()
        observe(desk, equity=float("nan"))
        soon(lambda: halts(rooms))
        assert halts(rooms)[0].equity is None


def test_the_world_tells_how_the_account_fared(tmp_path: Path) -> None:
    with a_desk(tmp_path) as (desk, _):
        desk.past_closes([close_of(gist_of(a_trade_record(profit_ratio=-0.1)))], NOON)
        desk.closed(a_closed_trade(trade_id=8, profit_ratio=-0.2))
        observe(desk, a_position(trade_id=9, opened_at=NOON))
        conduct = desk.world().conduct
        assert (conduct.loss_streak, conduct.closed_trades) == (2, 2)
        assert conduct.entries == (NOON,)
        assert desk.world().account.day_start_equity == 1000.0


def test_a_candle_acted_on_before_a_restart_is_remembered(tmp_path: Path) -> None:
    present = Present(World(an_account(), {}))
    rooms = some_rooms(tmp_path, ScriptedClient([answering("signal_wait")]))
    desk = Desk(rooms, present, a_stop(tmp_path), "sandbox")
    desk.start([a_decision_record(tool="signal_entry_long")])
    assert rooms.book.acted_on(PAIR) == NOON
    assert rooms.book.acted_on("ETH/USDT:USDT") is None
    desk.stop()


def test_a_stop_tightened_just_before_a_restart_holds(tmp_path: Path) -> None:
    present = Present(World(an_account(), {}))
    rooms = some_rooms(tmp_path, ScriptedClient([answering("signal_wait")]))
    desk = Desk(rooms, present, a_stop(tmp_path), "sandbox")
    approved = Approved(leverage=3.0, stake_amount=0.0, stop_price=98.75)
    desk.start([a_decision_record(tool="signal_hold", trade_id=7, approved=approved)])
    observe(desk, a_position(stop_price=97.0))
    assert desk.stop_price(7) == 98.75
    desk.stop()


def test_an_emergency_stop_that_cannot_be_saved_still_holds(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    present = Present(World(an_account(), {}))
    rooms = some_rooms(tmp_path, ScriptedClient([answering("signal_wait")]))
    stop = EmergencyStop(
        HaltSwitch(tmp_path / "file", "sandbox"), tmp_path / "file" / "risk.json", a_risk()
    )
    desk = Desk(rooms, present, stop, "sandbox")
    desk.start([])
    observe(desk)
    for _ in range(BREACHES_TO_TRIP):
        observe(desk, equity=500.0)
    assert desk.exit_reason(PAIR, 7, NOON) == "emergency_stop"
    assert desk.world().account.halted
    desk.stop()
    assert "holds in memory" in caplog.text


def test_a_booked_stop_reaches_the_position_and_only_tightens(tmp_path: Path) -> None:
    with a_desk(tmp_path) as (desk, rooms):
        assert desk.stop_price(7) is None
        observe(desk, a_position(stop_price=97.0))
        assert desk.stop_price(7) == 97.0
        rooms.book.put_stop(7, 98.0)
        assert desk.stop_price(7) == 98.0
        rooms.book.put_stop(7, 90.0)
        assert desk.stop_price(7) == 98.0


def test_a_filled_entry_takes_its_booking_and_sets_its_stop(tmp_path: Path) -> None:
    with a_desk(tmp_path) as (desk, rooms):
        observe(desk)
        rooms.book.put(a_booking(stop_price=98.5))
        booking = desk.settle(PAIR, "signal_entry_long", 7, "o-1")
        assert booking is not None
        desk.filled(a_position(stop_price=40.0, thesis=None), booking)
        assert desk.stop_price(7) == 98.5
        assert desk.settle(PAIR, "signal_entry_long", 7, "o-1") is None
        soon(lambda: outcomes(rooms))
        assert (outcomes(rooms)[0].outcome, outcomes(rooms)[0].trade_id) == ("filled", 7)


def test_a_fill_without_booking_or_stop_keeps_the_stop(tmp_path: Path) -> None:
    with a_desk(tmp_path) as (desk, _):
        observe(desk, a_position(stop_price=97.0))
        desk.filled(a_position(stop_price=97.0), None)
        desk.filled(a_position(stop_price=97.0), a_booking(kind="adjust", stop_price=None))
        assert desk.stop_price(7) == 97.0


def test_an_order_made_by_hand_settles_nothing(tmp_path: Path) -> None:
    with a_desk(tmp_path) as (desk, rooms):
        rooms.book.put(a_booking(kind="adjust", tool="adjust_position", trade_id=7))
        assert desk.settle(PAIR, "force_exit", 7, "o-1") is None
        assert rooms.book.look(PAIR, "adjust", NOON) is not None


def test_a_stop_forgotten_by_a_restart_is_taken_from_the_thesis(tmp_path: Path) -> None:
    with a_desk(tmp_path) as (desk, _):
        observe(desk, a_position(stop_price=60.0, thesis=a_thesis(stop_price=98.0)))
        assert desk.stop_price(7) == 98.0


def test_a_position_without_thesis_gets_the_farthest_stop_allowed(tmp_path: Path) -> None:
    with a_desk(tmp_path) as (desk, _):
        observe(desk, a_position(stop_price=60.0, thesis=None))
        assert desk.stop_price(7) == 95.0


@pytest.mark.parametrize(
    ("price", "in_force", "reason"),
    [
        (96.9, 60.0, "stop_crossed"),
        (97.0, 60.0, "stop_crossed"),
        (97.1, 60.0, None),
        (96.9, 96.95, None),
    ],
)
def test_a_stop_that_freqtrade_cannot_place_closes_the_position(
    tmp_path: Path, price: float, in_force: float, reason: str | None
) -> None:
    with a_desk(tmp_path) as (desk, _):
        observe(desk, a_position(stop_price=97.0))
        assert desk.crossed_stop(7, price, in_force) == reason
        assert desk.crossed_stop(99, price, in_force) is None


def test_an_entry_beyond_its_own_stop_is_not_confirmed(tmp_path: Path) -> None:
    with a_desk(tmp_path) as (desk, rooms):
        observe(desk)
        rooms.book.put(a_booking(stop_price=99.5))
        assert not desk.confirm_entry(PAIR, "long", 99.4, NOON)
        soon(lambda: outcomes(rooms))
        assert "at or beyond the stop 99.5" in outcomes(rooms)[0].detail


def test_what_is_booked_at_the_stop_is_recorded_as_aborted(tmp_path: Path) -> None:
    with a_desk(tmp_path) as (desk, rooms):
        rooms.book.put(a_booking())
        desk.stop()
        assert [line.outcome for line in outcomes(rooms)] == ["aborted"]


def test_a_dead_decision_thread_halts_new_exposure(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with a_desk(tmp_path) as (desk, _):
        observe(desk)
        assert not desk.world().account.halted
        assert desk._service.stop()
        observe(desk)
        observe(desk)
        assert desk.world().account.halted
    assert caplog.text.count("The decision thread died") == 1


def test_a_closed_trade_is_learnt_once_with_the_best_extremes_known(tmp_path: Path) -> None:
    with a_desk(tmp_path) as (desk, rooms):
        observe(desk, a_position(mfe_ratio=0.3, mae_ratio=-0.2))
        trade = a_closed_trade()
        assert not desk.knows(trade.trade_id, trade.opened_at)
        desk.closed(trade)
        desk.closed(trade)
        soon(lambda: trades(rooms))
        assert desk.knows(trade.trade_id, trade.opened_at)
        (record,) = trades(rooms)
        assert (record.mfe_ratio, record.mae_ratio) == (0.3, -0.2)
        assert record.profit_ratio == trade.profit_ratio
        assert record.mode == "sandbox"


def test_a_trade_the_disk_refused_is_written_after_a_later_decision(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with a_desk(tmp_path) as (desk, rooms):
        observe(desk)
        journal = tmp_path / "trade_experience.jsonl"
        journal.unlink()
        journal.mkdir()
        desk.closed(a_closed_trade())
        soon(lambda: "is not in the journal yet" in caplog.text)
        journal.rmdir()
        desk.ask([a_question()])
        soon(lambda: trades(rooms))


@pytest.mark.parametrize(
    ("kind", "outcome"), [("signal_exit", "filled"), ("adjust_position", "expired"), (None, None)]
)
def test_a_close_settles_what_was_booked(tmp_path: Path, kind: Any, outcome: str | None) -> None:
    with a_desk(tmp_path) as (desk, rooms):
        if kind:
            rooms.book.put(a_booking(kind="exit", tool=kind, trade_id=7))
        desk.closed(a_closed_trade())
        soon(lambda: trades(rooms))
        assert [line.outcome for line in outcomes(rooms)] == ([outcome] if outcome else [])


def test_a_close_told_again_leaves_a_new_booking_alone(tmp_path: Path) -> None:
    with a_desk(tmp_path) as (desk, rooms):
        desk.closed(a_closed_trade())
        soon(lambda: trades(rooms))
        rooms.book.put(a_booking())
        desk.closed(a_closed_trade(profit_ratio=0.057))
        assert rooms.book.look(PAIR, "entry", NOON) is not None
        assert outcomes(rooms) == []


def test_decisions_under_way_at_the_stop_are_recorded_as_aborted(tmp_path: Path) -> None:
    client = ScriptedClient([answering("signal_wait")], delay_seconds=60)
    present = Present(World(an_account(), {}))
    rooms = some_rooms(tmp_path, client)
    desk = Desk(rooms, present, a_stop(tmp_path), "sandbox")
    desk.start([])
    desk.ask([a_question()])
    soon(lambda: client.prompts)
    desk.stop()
    assert str(decisions(rooms)[0].fault).startswith("aborted")
    assert client.closed


def test_a_thread_that_will_not_end_is_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llm_modules.engine.service.STOP_SECONDS", 0.1)
    with a_desk(tmp_path) as (desk, _):
        released = threading.Event()
        desk._service.soon(lambda: released.wait(60), "Sleeping")
        desk.stop()
        assert "did not end in time" in caplog.text
        released.set()
        soon(lambda: not desk._service.is_alive)


def test_a_new_database_may_use_known_trade_numbers_again(tmp_path: Path) -> None:
    with a_desk(tmp_path) as (desk, rooms):
        first = a_closed_trade()
        desk.closed(first)
        desk.closed(replace(first, opened_at=NOON, closed_at=NOON + timedelta(hours=1)))
        soon(lambda: len(trades(rooms)) == 2)


def test_orders_that_come_to_nothing_are_tried_three_times(tmp_path: Path) -> None:
    with a_desk(tmp_path) as (desk, rooms):
        observe(desk)
        rooms.book.put(a_booking())
        tried = [desk.confirm_entry(PAIR, "long", 100.0, NOON) for _ in range(5)]
        assert tried == [True, True, True, False, False]
        soon(lambda: outcomes(rooms))
        (line,) = outcomes(rooms)
        assert (line.outcome, line.detail) == ("vetoed", "3 orders came to nothing")


@pytest.mark.parametrize("stake", [50.0, -50.0])
def test_an_adjustment_the_exchange_keeps_rejecting_ends(tmp_path: Path, stake: float) -> None:
    with a_desk(tmp_path) as (desk, rooms):
        observe(desk, a_position())
        rooms.book.put(a_booking(kind="adjust", trade_id=7, stake_amount=stake))
        tried = [desk.adjustment(PAIR, 7, 100.0, NOON) is not None for _ in range(4)]
        assert tried == [True, True, True, False]


def test_a_new_decision_is_tried_anew(tmp_path: Path) -> None:
    with a_desk(tmp_path) as (desk, rooms):
        observe(desk)
        for decision_id in ("d-1", "d-2"):
            rooms.book.put(a_booking(decision_id=decision_id))
            assert all(desk.confirm_entry(PAIR, "long", 100.0, NOON) for _ in range(3))


def an_approved_entry(**changes: Any) -> DecisionRecord:
    """What the journal holds of an entry whose order was out when the bot died."""
    call = {
        "reason": "breakout",
        "confidence_score": 70.0,
        "key_support": 95.0,
        "key_resistance": 110.0,
        "target_price": 106.0,
        "invalidation": "a close below 95",
    }
    values: dict[str, Any] = {
        "at": a_position().opened_at - timedelta(seconds=5),
        "tool": "signal_entry_long",
        "call": call,
        "approved": Approved(leverage=3.0, stake_amount=100.0, stop_price=98.5),
    }
    return a_decision_record(**(values | changes))


def restarted(folder: Path, *past: DecisionRecord) -> Desk:
    rooms = some_rooms(folder, ScriptedClient([answering("signal_wait")]))
    desk = Desk(rooms, Present(World(an_account(), {})), a_stop(folder), "sandbox")
    desk.start(past)
    return desk


def test_an_entry_filled_after_its_bot_died_keeps_thesis_and_stop(tmp_path: Path) -> None:
    desk = restarted(tmp_path, an_approved_entry())
    for _ in range(2):
        observe(desk, a_position(stop_price=60.0, thesis=None))
        position = desk.world().positions[PAIR]
        assert position.stop_price == desk.stop_price(7) == 98.5
        assert position.thesis is not None
        assert (position.thesis.reason, position.thesis.target_price) == ("breakout", 106.0)
        assert position.thesis.invalidation == "a close below 95"
    desk.stop()


@pytest.mark.parametrize(
    "changes",
    [
        {"at": a_position().opened_at + timedelta(seconds=1)},
        {"pair": "ETH/USDT:USDT"},
        {"tool": "signal_entry_short"},
        {"approved": None, "status": "refused"},
    ],
)
def test_a_thesis_is_not_taken_from_another_decision(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    desk = restarted(tmp_path, an_approved_entry(**changes))
    observe(desk, a_position(stop_price=60.0, thesis=None))
    assert desk.world().positions[PAIR].thesis is None
    desk.stop()


def test_a_thesis_without_target_is_read_back_without_one(tmp_path: Path) -> None:
    call = {
        "reason": "breakout",
        "confidence_score": 70.0,
        "key_support": 95.0,
        "key_resistance": 110.0,
    }
    desk = restarted(tmp_path, an_approved_entry(call=call))
    observe(desk, a_position(thesis=None))
    thesis = desk.world().positions[PAIR].thesis
    assert thesis is not None
    assert (thesis.target_price, thesis.invalidation) == (None, None)
    desk.stop()


def test_a_reduction_survives_a_halt(tmp_path: Path) -> None:
    with a_desk(tmp_path) as (desk, rooms):
        rooms.book.put(a_booking(kind="adjust", trade_id=7, stake_amount=-50.0))
        (tmp_path / "HALT").touch()
        observe(desk, a_position())
        assert desk.adjustment(PAIR, 7, 100.0, NOON) is not None


def test_a_flatten_with_nothing_open_takes_waiting_entries_back(tmp_path: Path) -> None:
    with a_desk(tmp_path) as (desk, rooms):
        observe(desk)
        rooms.book.put(a_booking())
        (tmp_path / "FLATTEN").touch()
        desk.observe(an_account(open_trades=0), (), (), NOON)
        assert desk.entry(PAIR, NOON) is None
        assert not (tmp_path / "FLATTEN").exists()


def test_a_halt_that_came_since_the_last_look_stops_an_order(tmp_path: Path) -> None:
    with a_desk(tmp_path) as (desk, rooms):
        observe(desk, a_position())
        rooms.book.put(a_booking())
        rooms.book.put(a_booking(pair="ETH/USDT:USDT", kind="adjust", trade_id=7))
        (tmp_path / "HALT").touch()
        assert not desk.confirm_entry(PAIR, "long", 100.0, NOON)
        assert desk.adjustment("ETH/USDT:USDT", 7, 100.0, NOON) is None
        (tmp_path / "HALT").unlink()
        assert desk.confirm_entry(PAIR, "long", 100.0, NOON)


def test_who_cannot_see_does_not_trade_but_a_halt_works(tmp_path: Path) -> None:
    with a_desk(tmp_path) as (desk, rooms):
        observe(desk, a_position())
        rooms.book.put(a_booking(pair="ETH/USDT:USDT"))
        before = desk.world().account.version
        desk.cannot_see(NOON)
        assert desk.world().account.halted
        assert desk.world().account.version == before + 1
        assert desk.entry("ETH/USDT:USDT", NOON) is None
        assert desk.exit_reason(PAIR, 7, NOON) is None
        (tmp_path / "HALT").touch()
        desk.cannot_see(NOON)
        assert desk.exit_reason(PAIR, 7, NOON) == "halt"


def test_an_order_reported_again_settles_nothing_twice(tmp_path: Path) -> None:
    with a_desk(tmp_path) as (desk, rooms):
        rooms.book.put(a_booking(kind="adjust", tool="adjust_position", trade_id=7))
        assert desk.settle(PAIR, "adjust_position", 7, "o-1") is not None
        rooms.book.put(a_booking(decision_id="d-2", kind="adjust", tool="adjust_position"))
        assert desk.settle(PAIR, "adjust_position", 7, "o-1") is None
        assert desk.settle(PAIR, "adjust_position", 7, "o-2") is not None


def test_a_partly_filled_exit_is_still_booked(tmp_path: Path) -> None:
    with a_desk(tmp_path) as (desk, rooms):
        observe(desk, a_position())
        rooms.book.put(a_booking(kind="exit", tool="signal_exit", trade_id=7, stake_amount=0.0))
        assert desk.settle(PAIR, "signal_exit", 7, "o-1") is None
        assert desk.exit_reason(PAIR, 7, NOON) == "signal_exit"


def test_the_id_of_a_deleted_trade_brings_nothing_of_it_back(tmp_path: Path) -> None:
    with a_desk(tmp_path) as (desk, _):
        observe(desk, a_position(stop_price=97.0))
        other = a_position(pair="ETH/USDT:USDT", open_rate=2.0, stop_price=1.95, thesis=None)
        observe(desk, other)
        assert desk.stop_price(7) == 1.95


def test_what_was_deleted_is_forgotten(tmp_path: Path) -> None:
    with a_desk(tmp_path) as (desk, _):
        observe(desk, a_position())
        observe(desk)
        assert desk.stop_price(7) is None


def test_where_the_exchange_keeps_the_stops_a_crossed_one_is_left_at_once(tmp_path: Path) -> None:
    with a_desk(tmp_path) as (desk, _):
        observe(desk, a_position(stop_price=97.0))
        assert desk.crossed_stop(7, 97.1, None) is None
        assert desk.crossed_stop(7, 97.0, None) == "stop_crossed"
