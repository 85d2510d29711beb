import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from builders import (
    NOON,
    PAIR,
    a_booking,
    a_closed_trade,
    a_position,
    a_question,
    a_reply,
    a_trade_record,
    a_world,
    some_candles,
)
from fakes import ScriptedClient, answering
from llm_modules.context.pages import Pages
from llm_modules.engine.cycle import Rooms, decide
from llm_modules.engine.question import Question
from llm_modules.engine.sight import Sight, snapshot_of
from llm_modules.errors import JournalError, ProviderError
from llm_modules.gate.checker import limits_hash
from llm_modules.journal.records import DecisionRecord, LessonRecord
from rooms import decisions, outcomes, some_rooms


def run(rooms: Rooms, question: Question | None = None) -> DecisionRecord:
    return asyncio.run(decide(question or a_question(), rooms))


PRICE = float(some_candles("30m").close[-1])
LONG = {"stop_price": PRICE * 0.98, "key_support": PRICE * 0.97, "key_resistance": PRICE * 1.05}


def test_an_approved_entry_is_recorded_and_booked(tmp_path: Path) -> None:
    rooms = some_rooms(tmp_path, ScriptedClient([answering("signal_entry_long", **LONG)]))
    record = run(rooms)
    assert record.status == "approved"
    assert decisions(rooms) == [record]
    booking = rooms.book.look(PAIR, "entry", NOON)
    assert booking is not None
    assert (booking.decision_id, booking.side) == (record.decision_id, "long")
    assert (booking.leverage, booking.stake_amount) == (3.0, 100.0)
    assert booking.lowest_price == pytest.approx(PRICE * 0.99)
    assert booking.highest_price == pytest.approx(PRICE * 1.01)
    assert booking.thesis is not None
    assert booking.thesis.reason == "the trend is up"
    assert booking.thesis.stop_price == booking.stop_price


def test_the_record_tells_the_whole_story(tmp_path: Path) -> None:
    rooms = some_rooms(tmp_path, ScriptedClient([answering("signal_wait")]))
    record = run(rooms)
    assert (record.tool, record.stance, record.mode) == ("signal_wait", "flat", "sandbox")
    assert record.call == {"confidence_score": 60.0, "reason": "no edge", "rsi_value": 50.0}
    assert record.model == "test-model-0126"
    assert (record.prompt_tokens, record.attempts, record.equity) == (1000, 1, 1000.0)
    assert record.facts["price"] == PRICE
    assert len(record.prompt_hash or "") == 16
    assert rooms.book.look(PAIR, "entry", NOON) is None


def test_a_refused_call_is_recorded_with_all_reasons_and_not_booked(tmp_path: Path) -> None:
    wrong = LONG | {"stop_price": PRICE * 1.02}
    client = ScriptedClient([answering("signal_entry_long", **wrong)])
    rooms = some_rooms(tmp_path, client, a_world(open_trades=4))
    record = run(rooms)
    assert record.status == "refused"
    assert [reason.code for reason in record.reasons] == ["NO_FREE_SLOT", "STOP_WRONG_SIDE"]
    assert rooms.book.look(PAIR, "entry", NOON) is None


def test_a_clamped_call_is_booked_as_clamped(tmp_path: Path) -> None:
    greedy = LONG | {"leverage": 100, "stake_amount": 1e12}
    rooms = some_rooms(tmp_path, ScriptedClient([answering("signal_entry_long", **greedy)]))
    record = run(rooms)
    assert record.status == "clamped"
    assert record.call["stake_amount"] == 1e12
    booking = rooms.book.look(PAIR, "entry", NOON)
    assert booking is not None
    # At most 5 % of 1000 may be lost at the stop, from 1 % above the decision's price.
    at_risk = (1.01 - 0.98) / 1.01
    assert (booking.leverage, booking.stake_amount) == (10.0, pytest.approx(5 / at_risk))


def test_an_exit_is_booked_for_the_position_that_was_shown(tmp_path: Path) -> None:
    world = a_world(a_position())
    rooms = some_rooms(tmp_path, ScriptedClient([answering("signal_exit")]), world)
    record = run(rooms, a_question(a_position()))
    booking = rooms.book.look(PAIR, "exit", NOON)
    assert booking is not None
    assert (booking.trade_id, booking.model_score, booking.reason) == (7, 80.0, "target reached")
    assert (record.stance, record.trade_id) == ("in_position", 7)


def test_an_adjustment_is_booked_with_its_stake_and_stop(tmp_path: Path) -> None:
    stop = PRICE * 0.99
    client = ScriptedClient([answering("adjust_position", stop_price=stop)])
    position = a_position(stop_price=PRICE * 0.97, current_rate=PRICE)
    rooms = some_rooms(tmp_path, client, a_world(position))
    run(rooms, a_question(position))
    booking = rooms.book.look(PAIR, "adjust", NOON)
    assert booking is not None
    assert booking.stake_amount == 50.0
    assert rooms.book.take_stop(7) == stop


def test_holding_may_tighten_the_stop_and_books_no_order(tmp_path: Path) -> None:
    stop = PRICE * 0.99
    position = a_position(stop_price=PRICE * 0.97)
    client = ScriptedClient([answering("signal_hold", stop_price=stop)])
    rooms = some_rooms(tmp_path, client, a_world(position))
    run(rooms, a_question(position))
    assert rooms.book.take_stop(7) == stop
    for kind in ("entry", "exit", "adjust"):
        assert rooms.book.look(PAIR, kind, NOON) is None  # type: ignore[arg-type]


def test_a_position_that_is_gone_when_the_answer_comes_is_not_exited(tmp_path: Path) -> None:
    rooms = some_rooms(tmp_path, ScriptedClient([answering("signal_exit")]), a_world())
    record = run(rooms, a_question(a_position()))
    assert [reason.code for reason in record.reasons] == ["NO_POSITION"]


def test_a_position_that_is_another_one_by_now_is_not_exited(tmp_path: Path) -> None:
    world = a_world(a_position(trade_id=8))
    rooms = some_rooms(tmp_path, ScriptedClient([answering("signal_exit")]), world)
    assert run(rooms, a_question(a_position(trade_id=7))).status == "refused"


def test_a_position_opened_meanwhile_is_not_entered_again(tmp_path: Path) -> None:
    client = ScriptedClient([answering("signal_entry_long", **LONG)])
    rooms = some_rooms(tmp_path, client, a_world(a_position()))
    assert "ALREADY_IN_POSITION" in [reason.code for reason in run(rooms).reasons]


def test_a_locked_pair_is_not_entered(tmp_path: Path) -> None:
    rooms = some_rooms(tmp_path, ScriptedClient([answering("signal_entry_long", **LONG)]))
    record = run(rooms, a_question(locked_sides=frozenset({"long"})))
    assert [reason.code for reason in record.reasons] == ["PAIR_LOCKED"]


def test_a_late_answer_is_refused(tmp_path: Path) -> None:
    client = ScriptedClient([answering("signal_entry_long", **LONG)])
    rooms = some_rooms(tmp_path, client, now=NOON + timedelta(minutes=30))
    assert [reason.code for reason in run(rooms).reasons] == ["STALE_DECISION"]


def test_no_usable_answer_means_nothing_is_done_and_all_problems_are_recorded(
    tmp_path: Path,
) -> None:
    rooms = some_rooms(tmp_path, ScriptedClient([a_reply(text="hm")]))
    record = run(rooms)
    assert (record.status, record.tool, record.fault) == ("failed", None, "no_usable_answer")
    assert len(record.problems) == 3
    assert record.attempts == 3


def test_a_failing_endpoint_is_recorded_by_its_fault(tmp_path: Path) -> None:
    rooms = some_rooms(tmp_path, ScriptedClient([ProviderError("unauthorised", "bad key")]))
    assert run(rooms).fault == "unauthorised: bad key"
    assert decisions(rooms)[0].status == "failed"


def test_bad_candles_are_recorded_and_the_model_is_not_even_asked(tmp_path: Path) -> None:
    client = ScriptedClient([answering("signal_wait")])
    rooms = some_rooms(tmp_path, client)
    stale = some_candles("30m", end=NOON - timedelta(minutes=30))
    record = run(rooms, a_question(frames=(stale,)))
    assert record.status == "failed"
    assert str(record.fault).startswith("MarketDataError: ")
    assert client.prompts == []


def test_a_budget_too_small_for_the_facts_is_recorded(tmp_path: Path) -> None:
    client = ScriptedClient([answering("signal_wait")])
    rooms = some_rooms(tmp_path, client, context_config={"max_context_tokens": 500})
    assert str(run(rooms).fault).startswith("ContextBudgetError: ")
    assert client.prompts == []


def test_a_market_that_was_seen_before_is_not_looked_at_again(tmp_path: Path) -> None:
    question = a_question()
    rooms = some_rooms(tmp_path, client := ScriptedClient([answering("signal_wait")]))
    snapshot = snapshot_of(question, ())
    page = Pages(rooms.config.context_config).market_page(snapshot)._replace(market="seen before")
    known = replace(rooms, seen_before=lambda _asked: Sight(snapshot, page))
    # Without a candle there is nothing that could be seen now.
    record = run(known, replace(question, frames=()))
    assert record.status == "approved"
    assert record.facts["rsi"] == snapshot.facts["rsi"]
    assert "seen before" in client.prompts[0].messages[-1].content


class BrokenJournal:
    """Stands for a full disk."""

    def decision(self, line: object) -> None:
        raise JournalError(f"no room for {type(line).__name__}")


def _without_journal(rooms: Rooms) -> Rooms:
    rooms.journal.close()
    fields = {name: getattr(rooms, name) for name in Rooms.__dataclass_fields__}
    return Rooms(**(fields | {"journal": BrokenJournal()}))


def test_an_entry_that_cannot_be_recorded_is_not_booked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rooms = some_rooms(tmp_path, ScriptedClient([answering("signal_entry_long", **LONG)]))
    run(_without_journal(rooms))
    assert rooms.book.look(PAIR, "entry", NOON) is None
    assert "is not in the journal" in caplog.text


def test_an_exit_that_cannot_be_recorded_still_happens(tmp_path: Path) -> None:
    world = a_world(a_position())
    rooms = some_rooms(tmp_path, ScriptedClient([answering("signal_exit")]), world)
    run(_without_journal(rooms), a_question(a_position()))
    assert rooms.book.look(PAIR, "exit", NOON) is not None


def test_a_booking_that_is_replaced_leaves_an_outcome(tmp_path: Path) -> None:
    rooms = some_rooms(tmp_path, ScriptedClient([answering("signal_entry_long", **LONG)]))
    rooms.book.put(a_booking(decision_id="older", candle_at=NOON - timedelta(minutes=30)))
    run(rooms)
    assert [(line.decision_id, line.outcome) for line in outcomes(rooms)] == [
        ("older", "superseded")
    ]


def test_entries_of_one_candle_do_not_overbook_the_account(tmp_path: Path) -> None:
    """Five pairs at once, two slots left: two are approved, whatever the order of answers."""
    pairs = [f"C{number}/USDT:USDT" for number in range(5)]

    async def all_at_once() -> list[DecisionRecord]:
        rooms_of = [
            some_rooms(tmp_path / str(number), _client(pair), a_world(open_trades=2))
            for number, pair in enumerate(pairs)
        ]
        shared = rooms_of[0].book
        together = [_sharing(rooms, shared) for rooms in rooms_of]
        questions = [a_question(pair=pair) for pair in pairs]
        return list(await asyncio.gather(*map(decide, questions, together)))

    statuses = [record.status for record in asyncio.run(all_at_once())]
    assert statuses.count("approved") == 2
    assert statuses.count("refused") == 3


def _client(pair: str) -> ScriptedClient:
    return ScriptedClient([answering("signal_entry_long", **(LONG | {"pair": pair}))])


def _sharing(rooms: Rooms, book: object) -> Rooms:
    fields = {name: getattr(rooms, name) for name in Rooms.__dataclass_fields__}
    return Rooms(**(fields | {"book": book}))


def test_the_lesson_of_a_closed_trade_is_in_a_later_prompt(tmp_path: Path) -> None:
    client = ScriptedClient([answering("signal_wait")])
    rooms = some_rooms(tmp_path, client)
    rooms.library.learn(a_closed_trade(mfe_ratio=0.2), NOON - timedelta(hours=1))
    run(rooms)
    message = client.prompts[0].messages[-1].content
    assert "| take_profit" in message
    assert "Take profit on a long or tighten its stop above +3 %: #7 was at +20 %" in message


def test_with_the_loop_switched_off_the_prompt_is_that_of_a_bot_without_a_past(
    tmp_path: Path,
) -> None:
    prompts = []
    for enabled, folder in ((False, "off"), (True, "new")):
        client = ScriptedClient([answering("signal_wait")])
        rooms = some_rooms(tmp_path / folder, client, experience_config={"enabled": enabled})
        if not enabled:
            rooms.library.learn(a_closed_trade(mfe_ratio=0.2), NOON - timedelta(hours=1))
        run(rooms)
        assert decisions(rooms)[0].status == "approved"
        prompts.append(client.prompts[0])
    assert prompts[0] == prompts[1]


def test_without_a_journal_of_decisions_nothing_is_opened(tmp_path: Path) -> None:
    client = ScriptedClient([answering("signal_entry_long", **LONG)])
    rooms = some_rooms(tmp_path, client, experience_config={"log_decisions": False})
    assert run(rooms).status == "approved"
    assert rooms.book.look(PAIR, "entry", NOON) is None


def test_while_a_closed_trade_waits_for_the_disk_nothing_is_opened(tmp_path: Path) -> None:
    rooms = some_rooms(tmp_path, ScriptedClient([answering("signal_entry_long", **LONG)]))
    journal = Path(rooms.config.experience_config.trade_log_path)
    journal.unlink()
    journal.mkdir()
    with pytest.raises(JournalError):
        rooms.journal.trade(a_trade_record())
    assert run(rooms).status == "approved"
    assert rooms.book.look(PAIR, "entry", NOON) is None
    journal.rmdir()
    rooms.journal.trade(a_trade_record())
    run(rooms)
    assert rooms.book.look(PAIR, "entry", NOON) is not None


def test_words_that_could_not_be_written_keep_nobody_from_entering(tmp_path: Path) -> None:
    rooms = some_rooms(tmp_path, ScriptedClient([answering("signal_entry_long", **LONG)]))
    journal = Path(rooms.config.experience_config.trade_log_path)
    journal.unlink()
    journal.mkdir()
    words = LessonRecord(
        at=NOON, mode="sandbox", trade_id=7, opened_at=NOON, pair=PAIR, model="m", text="wait"
    )
    with pytest.raises(JournalError):
        rooms.journal.lesson(words)
    run(rooms)
    assert rooms.book.look(PAIR, "entry", NOON) is not None


def test_that_something_approved_is_not_opened_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client = ScriptedClient([answering("signal_entry_long", **LONG)])
    run(some_rooms(tmp_path, client, experience_config={"log_decisions": False}))
    assert f"{PAIR}: approved, not opened" in caplog.text


def test_without_a_journal_of_decisions_positions_are_closed_all_the_same(tmp_path: Path) -> None:
    client = ScriptedClient([answering("signal_exit")])
    world = a_world(a_position())
    rooms = some_rooms(tmp_path, client, world, experience_config={"log_decisions": False})
    run(rooms, a_question(world=world))
    assert rooms.book.look(PAIR, "exit", NOON) is not None


def test_a_refusal_is_told_to_the_model_the_next_time(tmp_path: Path) -> None:
    client = ScriptedClient([answering("signal_entry_long", **(LONG | {"stake_amount": 0.001}))])
    rooms = some_rooms(tmp_path, client)
    run(rooms)
    run(rooms, a_question(candle_at=NOON + timedelta(minutes=30), frames=_next_frames()))
    assert "BELOW_MINIMUM" in client.prompts[1].messages[-1].content


def _next_frames() -> tuple[object, ...]:
    return (
        some_candles("30m", end=NOON + timedelta(minutes=30)),
        some_candles("1h", end=NOON),
    )


def test_the_funding_rate_is_a_fact_like_any_other(tmp_path: Path) -> None:
    client = ScriptedClient([answering("signal_wait")])
    rooms = some_rooms(tmp_path, client)
    record = run(rooms, a_question(funding_rate=0.0005))
    assert record.facts["funding_rate_pct"] == pytest.approx(0.05)
    assert "funding_rate_pct=0.05" in client.prompts[0].messages[1].content
    assert "funding_rate_pct" not in run(rooms, a_question(funding_rate=None)).facts


def test_one_candle_gets_one_order(tmp_path: Path) -> None:
    rooms = some_rooms(tmp_path, ScriptedClient([answering("signal_entry_long", **LONG)]))
    assert run(rooms).status == "approved"
    again = run(rooms)
    assert again.status == "refused"
    assert "DUPLICATE" in [reason.code for reason in again.reasons]


def test_a_verdict_is_recorded_as_it_is(tmp_path: Path) -> None:
    greedy = LONG | {"stake_amount": 1e12}
    rooms = some_rooms(tmp_path, ScriptedClient([answering("signal_entry_long", **greedy)]))
    record = run(rooms)
    assert record.approved is not None
    assert (record.approved.leverage, record.approved.stake_amount) == (3.0, 200.0)
    (clamp,) = [reason for reason in record.reasons if reason.code == "MAX_POSITION"]
    assert (clamp.kind, clamp.field, clamp.before, clamp.after) == (
        "clamp",
        "stake_amount",
        1e12,
        200.0,
    )
    assert record.limits_hash == limits_hash(rooms.config.risk_management)


def test_a_refusal_is_recorded_as_one_and_approves_nothing(tmp_path: Path) -> None:
    client = ScriptedClient([answering("signal_entry_long", **LONG)])
    record = run(some_rooms(tmp_path, client, a_world(open_trades=4)))
    assert record.approved is None
    assert {reason.kind for reason in record.reasons} == {"refusal"}


def test_the_profit_at_the_time_of_asking_is_recorded(tmp_path: Path) -> None:
    rooms = some_rooms(tmp_path, ScriptedClient([answering("signal_hold")]), a_world(a_position()))
    assert run(rooms, a_question(a_position())).profit_ratio == a_position().profit_ratio


def test_an_exit_outlives_its_candle_by_one(tmp_path: Path) -> None:
    world = a_world(a_position())
    rooms = some_rooms(tmp_path, ScriptedClient([answering("signal_exit")]), world)
    question = a_question(a_position())
    run(rooms, question)
    span = question.valid_until - question.candle_at
    almost = question.valid_until + span - timedelta(seconds=1)
    assert rooms.book.look(PAIR, "exit", almost) is not None
    assert rooms.book.look(PAIR, "exit", question.valid_until + span) is None


def test_holding_ends_an_exit_that_could_not_be_made(tmp_path: Path) -> None:
    world = a_world(a_position())
    rooms = some_rooms(tmp_path, ScriptedClient([answering("signal_hold")]), world)
    rooms.book.put(a_booking(decision_id="older", kind="exit", trade_id=7))
    run(rooms, a_question(a_position()))
    assert rooms.book.look(PAIR, "exit", NOON) is None
    assert [(line.decision_id, line.outcome) for line in outcomes(rooms)] == [
        ("older", "superseded")
    ]


def test_no_order_goes_out_where_liquidation_would_come_before_the_stop(tmp_path: Path) -> None:
    fast = LONG | {"leverage": 25, "stop_price": PRICE * 0.95, "stake_amount": 20}
    limits = {"max_leverage": 25.0, "risk_per_trade_pct": 100.0}
    client = ScriptedClient([answering("signal_entry_long", **fast)])
    rooms = some_rooms(tmp_path, client, risk_management=limits)
    run(rooms)
    booking = rooms.book.look(PAIR, "entry", NOON)
    assert booking is not None
    assert booking.stop_price is not None
    assert PRICE < booking.highest_price < PRICE * 1.01
    liquidation = booking.highest_price * (1 - 1 / 25 + 0.005)
    assert booking.stop_price > liquidation


def test_the_band_of_a_short_is_cut_below(tmp_path: Path) -> None:
    levels = {"key_support": PRICE * 0.97, "key_resistance": PRICE * 1.05}
    fast = levels | {"leverage": 25, "stop_price": PRICE * 1.05, "stake_amount": 20}
    limits = {"max_leverage": 25.0, "risk_per_trade_pct": 100.0}
    client = ScriptedClient([answering("signal_entry_short", **fast)])
    rooms = some_rooms(tmp_path, client, risk_management=limits)
    run(rooms)
    booking = rooms.book.look(PAIR, "entry", NOON)
    assert booking is not None
    assert PRICE * 0.99 < booking.lowest_price < PRICE
    assert booking.highest_price == pytest.approx(PRICE * 1.01)


class Bill:
    """What a decision tells whoever keeps the bill."""

    def __init__(self) -> None:
        self.names: list[tuple[str, str]] = []
        self.closed = False

    def named(self, decision_id: str, kind: str) -> None:
        self.names.append((decision_id, kind))

    def notices(self) -> tuple[str, ...]:
        return ("80 % of the budget is spent",)

    def close(self) -> None:
        self.closed = True


def test_the_bill_says_what_came_of_each_question(tmp_path: Path) -> None:
    bill = Bill()
    client = ScriptedClient([answering("signal_wait"), ProviderError("timeout", "late")])
    rooms = replace(some_rooms(tmp_path, client), spending=bill)
    record = run(rooms)
    run(rooms)
    assert bill.names == [(record.decision_id, "signal_wait"), (record.decision_id, "failed")]
    rooms.close()
    assert bill.closed


def test_an_exit_waits_for_no_bill(tmp_path: Path) -> None:
    class Broken(Bill):
        def named(self, decision_id: str, kind: str) -> None:
            raise OSError("no disk")

    world = a_world(a_position())
    rooms = some_rooms(tmp_path, ScriptedClient([answering("signal_exit")]), world)
    rooms = replace(rooms, spending=Broken())
    with pytest.raises(OSError, match="no disk"):
        run(rooms, a_question(a_position()))
    assert rooms.book.look(PAIR, "exit", NOON) is not None
