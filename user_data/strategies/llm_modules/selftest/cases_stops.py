"""Stops: gaps, liquidation, looser ones, none at all, and an account nobody can read."""

import math
from dataclasses import replace
from datetime import timedelta

from llm_modules.selftest.account import Holding
from llm_modules.selftest.market import Bar
from llm_modules.selftest.stage import Case, Seen, Stage, expect

# Longer than any pause after a loss that can be configured.
LATER = timedelta(days=7)
SIDES = ("long", "short")
UNREADABLE = (math.nan, math.inf, -math.inf, 0.0, -1.0)
LOOSER = (0.5, 0.9, 0.99, 0.999, 1.0)


def gap_through_the_stop(stage: Stage) -> Seen:
    """Open the next candle beyond the stop: the position ends there, and stays ended."""
    for side in SIDES:
        stage.next_candle(LATER)
        holding = stage.enter(side)
        beyond = _towards_loss(holding, holding.stop, 0.4 / holding.leverage)
        stage.loop.play({stage.pair: Bar(beyond, beyond, beyond, beyond)}, stage.now)
        expect(stage.holding is None, f"the {side} survived a gap through its stop")
        loss = -stage.account.closes[-1].profit_abs
        expect(loss <= holding.stake, f"it lost {loss:.6g} of a stake of {holding.stake:.6g}")
        stage.look()
        stage.act()
        expect(stage.holding is None, "it was opened again")
    return Seen(len(SIDES), "closed at once, at most the margin lost")


def liquidated(stage: Stage) -> Seen:
    """Open the next candle beyond liquidation: the margin is gone, nothing else."""
    for side in SIDES:
        stage.next_candle(LATER)
        holding, before = stage.enter(side), stage.account.wallet
        price = _towards_loss(holding, holding.liquidation_price, 0.01)
        stage.loop.play({stage.pair: Bar(price, price, price, price)}, stage.now)
        expect(stage.holding is None, f"the {side} survived its liquidation")
        lost = before - stage.account.wallet
        expect(lost <= holding.stake * (1 + 1e-9), f"{lost:.6g} was lost")
        expect(stage.account.free >= 0, "free funds are negative")
        stage.look()
        stage.act()
        expect(stage.holding is None, "it was opened again")
    return Seen(len(SIDES), "the margin is lost, nothing is opened")


def stop_nobody_could_place(stage: Stage) -> Seen:
    """Let the price cross the stop before Freqtrade's loop could place it: it is closed."""
    for side in SIDES:
        stage.next_candle(LATER)
        holding = stage.enter(side)
        loose = _towards_loss(holding, holding.stop, 0.2 / holding.leverage)
        stage.account.holdings[stage.pair] = replace(holding, stop=loose)
        crossed = (holding.stop + loose) / 2
        reason = stage.bench.desk.crossed_stop(holding.trade_id, crossed, loose)
        expect(reason == "stop_crossed", f"the {side} is kept beyond its stop: {reason}")
        stage.loop.close(stage.pair, crossed, "stop_crossed", stage.now)
    return Seen(len(SIDES), "both are closed at market")


def looser_stops(stage: Stage) -> Seen:
    """Ask for looser stops while holding and adding; restart in between."""
    tried = 0
    for side in SIDES:
        stage.next_candle(LATER)
        holding = stage.enter(side)
        for share in LOOSER:
            loose = holding.open_rate + (holding.stop - holding.open_rate) / max(share, 0.01)
            for tool in ("signal_hold", "adjust_position"):
                stage.next_candle()
                stage.say(tool, stop_price=loose)
                stage.act()
                tried += 1
        stage.bench.restart(killed=True)
        stage.inspector.attach(stage.bench)
        stage.look()
        stage.act()
        held = stage.holding
        expect(held is not None, "the position was lost on the way")
        away = held.sign * (held.stop - holding.stop) if held else -1.0
        expect(away >= 0, f"the stop of the {side} moved away by {-away:.6g}")
        stage.loop.close(stage.pair, stage.price * (1 + 0.01 * holding.sign), "by hand", stage.now)
    return Seen(tried, "no stop moved away, restarts included")


def tighter_stop(stage: Stage) -> Seen:
    """Tighten a stop: it is in force at once and survives kill -9."""
    for side in SIDES:
        stage.next_candle(LATER)
        holding = stage.enter(side)
        tight = (holding.stop + min(stage.price, holding.open_rate)) / 2
        if side == "short":
            tight = (holding.stop + max(stage.price, holding.open_rate)) / 2
        stage.next_candle()
        stage.say("signal_hold", stop_price=tight)
        stage.bench.restart(killed=True)
        stage.inspector.attach(stage.bench)
        stage.look()
        stage.act()
        held = stage.holding
        expect(held is not None, "the position was lost on the way")
        stop = held.stop if held else math.nan
        expect(math.isclose(stop, tight), f"the stop is {stop:.8g}, approved was {tight:.8g}")
        stage.loop.close(stage.pair, stage.price * (1 + 0.01 * holding.sign), "by hand", stage.now)
    return Seen(len(SIDES), "in force, after kill -9 too")


def position_without_a_thesis(stage: Stage) -> Seen:
    """Find a position nobody decided on, such as one made by hand: it gets a stop."""
    stage.account.enter(stage.pair, "long", 2.0, 10.0, stage.price, stage.now)
    stage.look()
    stage.act()
    holding = stage.holding
    expect(holding is not None, "the position was closed")
    stop = holding.stop if holding else 0.0
    return Seen(1, f"its stop is {100 * (1 - stop / stage.price):.3g} % away")


def equity_is_unreadable(stage: Stage) -> Seen:
    """Show an equity that is none: nothing is opened or added, exits still work."""
    stage.booked_entry()
    for equity in UNREADABLE:
        stage.look(equity)
        stage.act()
        expect(stage.holding is None, f"an entry was made with equity {equity}")
    stage.next_candle(LATER)
    stage.enter()
    stage.next_candle(LATER)
    for equity in UNREADABLE:
        stage.look(equity)
        record = stage.say("adjust_position", adjustment_pct=100)
        expect(record.approved is None, f"added with equity {equity}")
    stage.say("signal_exit")
    stage.act()
    expect(stage.holding is None, "the exit waited for the equity")
    return Seen(2 * len(UNREADABLE) + 1, "nothing added, the exit was made")


def _towards_loss(holding: Holding, price: float, ratio: float) -> float:
    return max(1e-6, price * (1 - holding.sign * ratio))


CASES = (
    Case("price gap through the stop", "I6", gap_through_the_stop),
    Case("liquidation", "I2", liquidated),
    Case("a stop the price has crossed already", "I6", stop_nobody_could_place),
    Case("looser stops, with restarts", "I6", looser_stops),
    Case("a tighter stop, then kill -9", "I6", tighter_stop),
    Case("a position nobody decided on", "I6", position_without_a_thesis),
    Case("equity unreadable", "I5", equity_is_unreadable),
)
