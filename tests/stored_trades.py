"""Trades as Freqtrade stores them; a test opens its own database first."""

import functools
import tempfile
from pathlib import Path
from typing import Any, cast

from freqtrade.persistence import Order, Trade, init_db
from freqtrade.persistence.custom_data import _CustomData

from builders import NOON, PAIR


def open_database(path: Path) -> None:
    """Have Freqtrade use this database, an empty one where there is none."""
    if not path.exists():
        path.write_bytes(_empty_database())
    init_db(f"sqlite:///{path}")


def let_go_of_database() -> None:
    """Close it, so that all of it stands in its one file."""
    Trade.session.remove()
    _CustomData.session.remove()
    cast("Any", Trade.session.get_bind()).dispose()


@functools.cache
def _empty_database() -> bytes:
    """What Freqtrade begins with: copying it is far quicker than making its tables again."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.sqlite"
        init_db(f"sqlite:///{path}")
        let_go_of_database()
        return path.read_bytes()


def an_order(trade: Trade, side: str, price: float, amount: float) -> Order:
    return Order(
        ft_trade_id=trade.id,
        ft_order_side=side,
        ft_pair=trade.pair,
        ft_is_open=False,
        ft_amount=amount,
        ft_price=price,
        order_id=f"o-{trade.id}-{len(trade.orders)}",
        status="closed",
        symbol=trade.pair,
        order_type="market",
        side=side,
        price=price,
        average=price,
        amount=amount,
        filled=amount,
        remaining=0.0,
        cost=price * amount,
        order_date=NOON,
        order_filled_date=NOON,
    )


def a_trade(*, is_short: bool = False, pair: str = PAIR) -> Trade:
    """An open futures trade of 1 coin at 100, 4x leverage, as Freqtrade stores it."""
    trade = Trade(
        pair=pair,
        base_currency=pair.split("/", maxsplit=1)[0],
        stake_currency="USDT",
        stake_amount=25.0,
        amount=0.0,
        amount_requested=1.0,
        is_open=True,
        is_short=is_short,
        open_rate=100.0,
        open_rate_requested=100.0,
        open_date=NOON.replace(tzinfo=None),
        fee_open=0.0005,
        fee_close=0.0005,
        exchange="binance",
        leverage=4.0,
        trading_mode="futures",
        stop_loss=99.0 if not is_short else 101.0,
        timeframe=30,
    )
    Trade.session.add(trade)
    Trade.commit()
    trade.orders.append(an_order(trade, trade.entry_side, 100.0, 1.0))
    trade.recalc_trade_from_orders()
    trade.max_rate, trade.min_rate = 103.0, 98.0
    Trade.commit()
    return trade
