"""What becomes of orders: rejected, half filled, timed out, halted or restarted in the middle."""

from collections.abc import Iterable, Iterator
from datetime import UTC, timedelta

from llm_modules.gate.halt import HaltNote, remove, write_note
from llm_modules.selftest.orders import Fate, Order
from llm_modules.selftest.stage import Case, Seen, Stage, expect

LOOP = timedelta(seconds=5)
TWO = 2
# The largest position these settings allow, with a stop so near that its risk fits.
GREEDY = {"leverage": 100, "stake_amount": 1e12}


class Script:
    """An exchange that deals with orders as scripted, the last entry for ever; it keeps them."""

    def __init__(self, *fates: Fate) -> None:
        self._fates: Iterator[Fate] = _endless(fates)
        self.orders: list[Order] = []

    def __call__(self, order: Order) -> Fate:
        """Say what becomes of an order."""
        self.orders.append(order)
        return next(self._fates)

    @property
    def numbers(self) -> set[tuple[str, float, float]]:
        """The different decisions and sizes that were sent."""
        return {(order.decision_id, order.leverage, order.stake) for order in self.orders}


def rejected_and_sent_again(stage: Stage) -> Seen:
    """Have the exchange reject the leverage twice, then accept."""
    script = Script("rejected", "rejected", "filled")
    _run_entry(stage, script, loops=5)
    expect(len(script.numbers) == 1, f"retries differ: {script.numbers}")
    expect(stage.inspector.fills == 1, f"{stage.inspector.fills} fills")
    return Seen(len(script.orders), "same numbers each time, one position")


def rejected_for_ever(stage: Stage) -> Seen:
    """Have the exchange reject every order of a decision."""
    script = Script("rejected")
    _run_entry(stage, script, loops=12)
    expect(stage.holding is None and len(script.numbers) == 1, "it was not the same order")
    expect(len(script.orders) < 12, "the order is sent for ever")  # noqa: PLR2004 - one per loop
    return Seen(len(script.orders), "given up, nothing opened")


def half_filled_and_cancelled(stage: Stage) -> Seen:
    """Fill one half of an entry, of an addition and of an exit; the rest is cancelled."""
    script = Script("partial")
    _run_entry(stage, script, loops=4)
    expect(stage.inspector.fills == 1, "the rest of the entry was ordered again")
    expect(stage.holding is not None and stage.holding.thesis, "the half has no thesis")
    stage.next_candle(timedelta(days=1))
    stage.say("adjust_position", adjustment_pct=100)
    _loops(stage, script, 4)
    expect(len(script.numbers) <= TWO, "the rest of the addition was ordered again")
    stage.next_candle(timedelta(days=1))
    stage.say("signal_exit")
    held = stage.holding
    _loops(stage, script, 4)
    left = stage.holding.stake if stage.holding and held else 0.0
    expect(held and left < held.stake, "half an exit sold nothing")
    return Seen(3, "each once, what is left keeps its stop")


def filled_and_looked_at_again(stage: Stage) -> Seen:
    """Go on looking after an entry, an addition and a reduction were filled."""
    script = Script("filled")
    _run_entry(stage, script, loops=3)
    for change in (50, -50):
        stage.next_candle(timedelta(days=1))
        stage.say("adjust_position", adjustment_pct=change)
        _loops(stage, script, 3)
    sent = [order.decision_id for order in script.orders]
    expect(len(set(sent)) == len(sent), f"carried out more than once: {sent}")
    return Seen(len(sent), "each decision became one order")


def timed_out_and_sent_again(stage: Stage) -> Seen:
    """Let an order wait, time out, wait again and be filled on its second attempt."""
    script = Script("open", "open", "cancelled", "open", "filled")
    _run_entry(stage, script, loops=6)
    expect(len(script.numbers) == 1, f"the retry differs: {script.numbers}")
    expect(stage.inspector.fills == 1, f"{stage.inspector.fills} fills")
    return Seen(len(script.orders), "one position, the same numbers")


def exit_times_out(stage: Stage) -> Seen:
    """Let the order of an exit time out; the next one closes the position, once."""
    stage.enter()
    stage.next_candle(timedelta(days=1))
    stage.say("signal_exit")
    script = Script("open", "cancelled", "filled")
    _loops(stage, script, 5)
    expect(stage.holding is None, "the position was not closed")
    expect(len(stage.account.closes) == 1, "it was closed more than once")
    return Seen(len(script.orders), "closed once")


def halt_in_the_middle_of_an_order(stage: Stage) -> Seen:
    """Create HALT while an entry is out: it is taken back and not sent again."""
    script = Script("open")
    stage.loop.venue = script
    stage.booked_entry()
    stage.act()
    expect(len(script.orders) == 1, "the entry was not sent")
    _halt(stage)
    for _ in range(3):
        stage.look()
        stage.act()
    expect(stage.holding is None and not stage.loop.open_orders, "an order is out while halted")
    expect(len(script.orders) == 1, "an order was sent while halted")
    record = stage.say("signal_entry_short")
    expect(record.approved is None, f"an entry while halted was {record.status}")
    return Seen(4, "taken back, nothing sent, entries refused")


def halt_with_a_position(stage: Stage) -> Seen:
    """Create HALT while an addition is booked: the position is closed, nothing is added."""
    stage.enter()
    stage.next_candle(timedelta(days=1))
    stage.say("adjust_position", adjustment_pct=100)
    _halt(stage)
    stage.look()
    stage.act()
    expect(stage.holding is None, "the position was not closed")
    expect(stage.account.closes[-1].exit_reason == "halt", "it was not closed by the halt")
    remove(stage.bench.switch.by_hand)
    stage.look()
    stage.act()
    expect(stage.holding is None, "an old decision was carried out after the halt")
    return Seen(2, "closed, nothing added, nothing left over")


def unreadable_halt_file(stage: Stage) -> Seen:
    """Halt by a folder, an empty file, a dangling link and garbage."""
    stage.booked_entry()
    path = stage.bench.switch.by_hand
    makers = (
        path.mkdir,
        path.touch,
        lambda: path.symlink_to(path.parent / "nowhere"),
        lambda: path.write_bytes(b"\xff\x00{"),
    )
    for make in makers:
        make()
        stage.look()
        stage.act()
        expect(stage.holding is None, f"an entry was made with {path.name} there")
        remove(path)
        stage.look()
    return Seen(len(makers), "each halts")


def killed_with_an_order_out(stage: Stage) -> Seen:
    """Kill the bot while an entry is out; it is filled before the bot is back."""
    script = Script("open")
    stage.loop.venue = script
    booked = stage.say("signal_entry_long", **GREEDY)
    stage.act()
    stage.bench.restart(killed=True)
    stage.inspector.attach(stage.bench)
    stage.look()
    stage.loop.fill_while_away(stage.pair, stage.price, stage.now)
    stage.look()
    stage.act()
    holding = stage.holding
    expect(holding is not None, "the position is lost")
    expect(len(script.orders) == 1, "the entry was sent a second time")
    asked = booked.approved.stop_price if booked.approved else None
    stop = holding.stop if holding else 0.0
    expect(asked and stop >= asked, f"the stop is {stop:.6g}, approved was {asked or 0:.6g}")
    return Seen(1, "one position, with the approved stop")


def killed_before_the_order(stage: Stage) -> Seen:
    """Kill the bot between approval and order: the decision is gone and not made again."""
    for killed in (True, False):
        stage.booked_entry()
        stage.bench.restart(killed=killed)
        stage.inspector.attach(stage.bench)
        stage.look()
        stage.act()
        expect(not stage.inspector.orders, "an order was made after the restart")
        stage.next_candle(timedelta(days=1))
    return Seen(2, "no order after either restart")


def _run_entry(stage: Stage, script: Script, loops: int) -> None:
    stage.booked_entry()
    _loops(stage, script, loops)


def _loops(stage: Stage, script: Script, count: int) -> None:
    stage.loop.venue = script
    for number in range(count):
        now = stage.now + number * LOOP
        stage.loop.look(now, stage.rates)
        stage.act(now)


def _halt(stage: Stage) -> None:
    note = HaltNote(reason="selftest", at=stage.now.astimezone(UTC), by="selftest")
    write_note(stage.bench.switch.by_hand, note)


def _endless(fates: Iterable[Fate]) -> Iterator[Fate]:
    last: Fate = "filled"
    for fate in fates:
        last = fate
        yield fate
    while True:
        yield last


CASES = (
    Case("exchange rejects leverage, accepts later", "I7", rejected_and_sent_again),
    Case("exchange rejects every order", "I7", rejected_for_ever),
    Case("partial fill, then cancel", "I2", half_filled_and_cancelled),
    Case("three more loops after each fill", "I7", filled_and_looked_at_again),
    Case("order timeout and retry", "I7", timed_out_and_sent_again),
    Case("timeout of an exit", "I7", exit_times_out),
    Case("HALT created mid-order", "I5", halt_in_the_middle_of_an_order),
    Case("HALT with a booked addition", "I5", halt_with_a_position),
    Case("HALT: a folder, empty, a link, garbage", "I5", unreadable_halt_file),
    Case("kill -9 with an order out", "I7", killed_with_an_order_out),
    Case("restart between approval and order", "I7", killed_before_the_order),
)
