"""Decisions that do not fit the position: too early, too late, too small, a second time."""

from dataclasses import replace
from datetime import timedelta

from llm_modules.journal.records import DecisionRecord
from llm_modules.selftest.stage import (
    MONEY,
    Case,
    Seen,
    Stage,
    expect,
    with_minimum,
)

ENTRIES = ("signal_entry_long", "signal_entry_short")
HELD_TOOLS = ("signal_exit", "adjust_position", "signal_hold")
# No position of this account is worth twice as much, at whatever leverage.
HUGE_MINIMUM = with_minimum(MONEY * 1000)


def entry_in_a_position(stage: Stage) -> Seen:
    """Enter what is held, offered or not, asked before or after the position was there."""
    flat = stage.bench.desk.world()
    holding = stage.enter()
    stage.next_candle()
    for tool in ENTRIES:
        record = stage.say(tool)
        expect(record.approved is None, f"{tool} in a position was {record.status}")
    # The model was asked while flat; the position came in between.
    late = replace(stage.question(), world=flat)
    for tool in ENTRIES:
        _is_refused(stage.say_late(late, tool), "ALREADY_IN_POSITION")
    stage.act()
    expect(stage.holding == holding, "the position changed")
    return Seen(4, "all refused, the position is unchanged")


def leaving_what_is_not_held(stage: Stage) -> Seen:
    """Exit, adjust and hold while flat: as the tools offered, and answered too late."""
    stage.enter()
    stage.next_candle()
    early = stage.question()
    stage.loop.close(stage.pair, stage.price, "by hand", stage.now)
    stage.look()
    for tool in HELD_TOOLS:
        expect(stage.say(tool).approved is None, f"{tool} while flat was approved")
        _is_refused(stage.say_late(early, tool), "NO_POSITION")
    orders = stage.inspector.orders
    stage.act()
    expect(stage.inspector.orders == orders, "an order was made while flat")
    return Seen(6, "all refused, no order was made")


def decision_about_an_earlier_trade(stage: Stage) -> Seen:
    """Answer about a trade that was stopped out, when the pair already has a new one."""
    stage.enter()
    stage.next_candle()
    early = stage.question()
    stage.loop.close(stage.pair, stage.price * 1.01, "stop_loss", stage.now)
    stage.next_candle(timedelta(days=1))
    new = stage.enter()
    for tool in HELD_TOOLS:
        record = stage.say_late(early, tool)
        expect(record.approved is None, f"{tool} of an earlier trade was {record.status}")
    stage.act()
    expect(stage.holding == new, "the new position was changed by an old decision")
    return Seen(3, "all refused, the new trade is unchanged")


def booked_and_then_stopped_out(stage: Stage) -> Seen:
    """Stop a position out while its approved addition or exit waits to be carried out."""
    for number, tool in enumerate(("adjust_position", "signal_exit")):
        stage.enter()
        stage.next_candle(timedelta(days=1))
        stage.say(tool)
        orders = stage.inspector.orders
        stage.loop.close(stage.pair, stage.price * 1.01, "stop_loss", stage.now)
        stage.look()
        stage.act()
        expect(stage.inspector.orders == orders, f"{tool} was sent after the stop")
        stage.next_candle(timedelta(days=number + 1))
    return Seen(2, "neither became an order")


def adjust_below_the_minimum(stage: Stage) -> Seen:
    """Add less than the exchange accepts, and reduce to a rest that nobody can close."""
    holding = stage.enter()
    value = holding.stake * holding.leverage
    stage.rules[stage.pair] = with_minimum(value * 0.05)
    for change, code in ((1.0, "BELOW_MINIMUM"), (-1.0, "BELOW_MINIMUM"), (-97.0, "REST_BELOW")):
        stage.next_candle(timedelta(days=1))
        record = stage.say("adjust_position", adjustment_pct=change)
        _is_refused(record, code)
        stage.act()
    expect(stage.holding is not None and stage.holding.stake == holding.stake, "it was adjusted")
    return Seen(3, "all refused")


def entry_below_the_minimum(stage: Stage) -> Seen:
    """Enter where the smallest order is more than the account may put in."""
    record = stage.say("signal_entry_long", leverage=100, stake_amount=1e12)
    expect(record.approved is None, f"an entry below the minimum was {record.status}")
    stage.act()
    expect(stage.holding is None, "a position was opened below the minimum")
    return Seen(1, "refused, not raised to the minimum")


def two_for_one_candle(stage: Stage) -> Seen:
    """Decide a second time on a candle that was acted on: at once, after a fill, after kill -9."""
    stage.booked_entry()
    _is_refused(stage.say("signal_entry_long"), "DUPLICATE")
    stage.act()
    expect(stage.inspector.fills == 1, "the first decision was not carried out once")
    stage.look()
    _is_refused(stage.say("adjust_position"), "DUPLICATE")
    stage.bench.restart(killed=True)
    stage.inspector.attach(stage.bench)
    stage.look()
    _is_refused(stage.say("adjust_position"), "DUPLICATE")
    stage.act()
    expect(stage.inspector.fills == 1, "a second decision was carried out")
    return Seen(3, "all refused, one order in all")


def nothing_without_a_verdict(stage: Stage) -> Seen:
    """Look for an order after every answer that approves none."""
    stage.act()
    for tool in ("signal_wait", "transfer_funds", *HELD_TOOLS):
        stage.next_candle()
        stage.say_raw(tool, "{}")
        stage.act()
    stage.next_candle()
    stage.say("signal_wait")
    stage.say("signal_entry_long", confidence_score=101)
    stage.act()
    expect(not stage.inspector.orders, "an order was made without an approved decision")
    return Seen(8, "no order was made")


def _is_refused(record: DecisionRecord, code: str) -> None:
    codes = [reason.code for reason in record.reasons]
    found = any(known.startswith(code) for known in codes)
    expect(record.approved is None and found, f"{record.tool} was {record.status}: {codes}")


CASES = (
    Case("entry while in a position", "I1", entry_in_a_position),
    Case("exit, adjust and hold while flat", "I3", leaving_what_is_not_held),
    Case("a decision about an earlier trade", "I3", decision_about_an_earlier_trade),
    Case("stopped out before its decision is used", "I7", booked_and_then_stopped_out),
    Case("adjust below the minimum stake", "I1", adjust_below_the_minimum),
    Case("entry below the minimum stake", "I1", entry_below_the_minimum, HUGE_MINIMUM),
    Case("two decisions for one candle", "I7", two_for_one_candle),
    Case("no verdict, no order", "I3", nothing_without_a_verdict),
)
