"""After `kill -9` everything is known again from Freqtrade's database and the journals."""

import shutil
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from freqtrade.persistence import PairLocks, Trade

from builders import NOON, PAIR, a_closed_trade, a_config, a_decision_record, a_thesis
from llm_modules.engine import bridge
from llm_modules.engine.cycle import note
from llm_modules.engine.desk import Desk
from llm_modules.engine.question import World
from llm_modules.engine.startup import open_desk
from llm_modules.journal.records import Approved
from stored_trades import a_trade, an_order, open_database

ETH = "ETH/USDT:USDT"


@pytest.fixture(autouse=True)
def _database(tmp_path: Path) -> Iterator[None]:
    open_database(tmp_path / "trades.sqlite")
    PairLocks.use_db, PairLocks.timeframe = True, "30m"
    yield
    Trade.session.remove()


class Wallets:
    def get_total(self, currency: str) -> float:
        return {"USDT": 1000.0}[currency]

    def get_available_stake_amount(self) -> float:
        return 850.0


class Bot:
    """A desk and a view on the database, as the strategy holds them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.desk: Desk = open_desk(a_config(str(folder)), "sandbox", "USDT", folder, {})
        provider: Any = SimpleNamespace(ohlcv=lambda *_args, **_named: pd.DataFrame())
        self.view = bridge.View(bridge.Newest(provider), "30m", (), {})
        for trade in Trade.get_trades_proxy(is_open=False):
            if not self.desk.knows(trade.id, trade.open_date_utc):
                self.desk.closed(bridge.closed_trade(trade))

    def look(self, rates: dict[str, float], now: datetime) -> World:
        """One turn of Freqtrade's loop: rates come in, the account is shown, extremes are kept."""
        trades = Trade.get_open_trades()
        for trade in trades:
            self.view.saw(trade.id, rates[trade.pair])
        positions = self.view.positions(trades)
        account = self.view.account(Wallets(), "USDT", trades)  # type: ignore[arg-type]
        self.desk.observe(account, positions, (), now)
        self.view.keep(trades, self.desk.world().positions)
        Trade.commit()
        return self.desk.world()


def settle(desk: Desk) -> None:
    """Wait until what was handed to the decision thread is begun, and then until it is done."""
    begun = threading.Event()
    desk._service.soon(begun.set, "Settling")
    assert begun.wait(30)
    deadline = time.monotonic() + 30
    while desk._service._background:  # type: ignore[attr-defined]
        assert time.monotonic() < deadline
        time.sleep(0.001)


def reborn(bot: Bot, folder: Path, rates: dict[str, float], now: datetime) -> World:
    """What a new process knows after one look, given what a killed one left on disk."""
    settle(bot.desk)
    shutil.copytree(bot.folder, folder)
    Trade.session.expire_all()
    successor = Bot(folder)
    world = successor.look(rates, now)
    successor.desk.stop()
    return world


def same(one: World, other: World) -> None:
    assert one.positions == other.positions
    assert one.conduct == other.conduct
    for name in ("equity", "day_start_equity", "halted", "open_trades"):
        assert getattr(one.account, name) == getattr(other.account, name)
    # A peak is written when it has grown by a thousandth: a write per tick would be too much.
    assert other.account.peak_equity == pytest.approx(one.account.peak_equity, rel=1e-3)


def wander(random: Random, rates: dict[str, float]) -> dict[str, float]:
    return {pair: rate * (1 + random.uniform(-0.004, 0.004)) for pair, rate in rates.items()}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_killed_bot_knows_all_again(tmp_path: Path, seed: int) -> None:
    random = Random(seed)  # noqa: S311 - no secret
    first, second = a_trade(), a_trade(pair=ETH, is_short=True)
    bridge.store_thesis(first, a_thesis(stop_price=98.0))
    bot = Bot(tmp_path / "a")
    rates, now = {PAIR: 100.0, ETH: 100.0}, NOON
    for turn in range(12):
        rates, now = wander(random, rates), now + timedelta(seconds=7)
        if turn == 4:
            # An addition: from here on Freqtrade's own extremes say nothing about the average.
            second.orders.append(an_order(second, second.entry_side, rates[ETH], 2.0))
            second.recalc_trade_from_orders()
        if turn == 6:
            approved = Approved(leverage=4.0, stake_amount=0.0, stop_price=98.25)
            tightened = a_decision_record(
                at=now, tool="signal_hold", trade_id=first.id, approved=approved
            )
            note(tightened, bot.desk._rooms)
            bot.desk._rooms.book.put_stop(first.id, 98.25)
            bot.desk.stop_price(first.id)
        if turn == 8:
            bot.desk.closed(a_closed_trade(trade_id=77, profit_ratio=-0.1, closed_at=now))
        world = bot.look(rates, now)
        same(world, reborn(bot, tmp_path / f"b{turn}", rates, now))
    bot.desk.stop()


def test_what_only_the_dead_bot_had_seen_is_known(tmp_path: Path) -> None:
    """Without what is kept with the trade, MFE would start at the present profit again."""
    trade = a_trade()
    trade.orders.append(an_order(trade, trade.entry_side, 102.0, 1.0))
    trade.recalc_trade_from_orders()
    bot = Bot(tmp_path / "a")
    best = bot.look({PAIR: 105.0}, NOON).positions[PAIR].mfe_ratio
    bot.look({PAIR: 101.0}, NOON)
    world = reborn(bot, tmp_path / "b", {PAIR: 101.0}, NOON)
    assert world.positions[PAIR].mfe_ratio == best > world.positions[PAIR].profit_ratio
    bot.desk.stop()


def test_losses_count_on_although_the_journal_never_got_them(tmp_path: Path) -> None:
    bot = Bot(tmp_path / "a")
    trade = a_trade()
    trade.orders.append(an_order(trade, trade.exit_side, 90.0, 1.0))
    trade.close(90.0)
    Trade.commit()
    world = reborn(bot, tmp_path / "b", {}, NOON)
    assert world.conduct.loss_streak == 1
    assert world.conduct.last_losses.keys() == {PAIR}
    bot.desk.stop()
