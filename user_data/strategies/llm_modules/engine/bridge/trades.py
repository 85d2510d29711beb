"""Freqtrade's trades in our words, and what is kept with them in its database."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from freqtrade.persistence import Order, Trade

from llm_modules.domain import ClosedTrade, OpenPosition, Thesis
from llm_modules.engine.book import Booking
from llm_modules.gate.stops import tighter

logger = logging.getLogger(__name__)

THESIS_KEY = "thesis"
EXIT_KEY = "model_exit"
TRACK_KEY = "track"
EXIT_TOOL = "signal_exit"


def open_position(trade: Trade, rate: float) -> OpenPosition:
    """Describe an open trade at a rate; MFE and MAE come from the extremes Freqtrade keeps.

    After an addition the old extremes say nothing about the new average: only the rate counts
    then, and the tracker remembers what was seen before.
    """
    # Empty until Freqtrade has seen a first rate.
    best, worst = trade.max_rate or trade.open_rate, trade.min_rate or trade.open_rate
    if trade.is_short:
        best, worst = worst, best
    best_rate = best
    if trade.nr_of_successful_entries > 1:
        best = worst = rate
    return OpenPosition(
        trade_id=trade.id,
        pair=trade.pair,
        side=trade.trade_direction,
        opened_at=trade.open_date_utc,
        open_rate=trade.open_rate,
        stake_amount=trade.stake_amount,
        leverage=trade.leverage,
        current_rate=rate,
        best_rate=best_rate,
        profit_ratio=trade.calc_profit_ratio(rate),
        mfe_ratio=trade.calc_profit_ratio(best),
        mae_ratio=trade.calc_profit_ratio(worst),
        stop_price=trade.stop_loss,
        liquidation_price=trade.liquidation_price,
        entries=trade.nr_of_successful_entries,
        adjustments=trade.nr_of_successful_entries + trade.nr_of_successful_exits - 1,
        thesis=stored_thesis(trade),
    )


def open_profit(trade: Trade, rate: float, *, is_live: bool) -> float:
    """Return what closing a trade at a rate would add to the balance, in stake currency.

    A simulated balance pays fees and funding when the trade closes. A real one has paid the entry's
    fee and the funding already: only the move of the price and the closing fee are left.
    """
    if not is_live:
        return float(trade.calculate_profit(rate).profit_abs)
    move = (rate - trade.open_rate) * trade.amount
    fee = rate * trade.amount * (trade.fee_close or 0.0)
    return float((-move if trade.is_short else move) - fee)


def store_track(trade: Trade, position: OpenPosition) -> None:
    """Keep with the trade what was seen of it and what Freqtrade does not keep itself."""
    trade.set_custom_data(TRACK_KEY, _track(position))


def with_track(position: OpenPosition, trade: Trade) -> OpenPosition:
    """Merge what an earlier run had seen of a trade, such as its best profit before an addition."""
    stored = trade.get_custom_data(TRACK_KEY)
    if not isinstance(stored, dict) or stored.keys() != _track(position).keys():
        return position
    return replace(
        position,
        mfe_ratio=max(position.mfe_ratio, stored["mfe_ratio"]),
        mae_ratio=min(position.mae_ratio, stored["mae_ratio"]),
        stop_price=tighter(position.stop_price, stored["stop_price"], position.side),
    )


def is_tighter(stop: float, trade: Trade) -> bool:
    """Tell whether a stop is nearer to the price than the one Freqtrade has."""
    if not trade.stop_loss:
        return True
    return bool(stop < trade.stop_loss if trade.is_short else stop > trade.stop_loss)


def track_changed(one: OpenPosition, other: OpenPosition) -> bool:
    """Tell whether two looks at a trade differ in what is kept with it."""
    return _track(one) != _track(other)


def _track(position: OpenPosition) -> dict[str, float]:
    return {
        "mfe_ratio": position.mfe_ratio,
        "mae_ratio": position.mae_ratio,
        "stop_price": position.stop_price,
    }


def is_closing(trade: Trade, order: Order) -> bool:
    """Tell whether an order closes the whole trade, which a backtest calls open until after it."""
    whole: bool = order.ft_order_side == trade.exit_side and order.safe_amount == trade.amount
    return whole


def closed_trade(trade: Trade) -> ClosedTrade:
    """Describe a trade that ended, with Freqtrade's own profit after fees and funding."""
    position = with_track(open_position(trade, trade.close_rate or trade.open_rate), trade)
    # The words belong to the exit the model asked for, not to a stop that came first.
    words = trade.get_custom_data(EXIT_KEY) if trade.exit_reason == EXIT_TOOL else None
    final: Mapping[str, Any] = words or {}
    return ClosedTrade(
        trade_id=trade.id,
        pair=trade.pair,
        side=position.side,
        leverage=trade.leverage,
        stake_amount=trade.max_stake_amount or trade.stake_amount,
        opened_at=trade.open_date_utc,
        closed_at=trade.close_date_utc or datetime.now(UTC),
        open_rate=trade.open_rate,
        close_rate=trade.close_rate or trade.open_rate,
        profit_abs=trade.close_profit_abs or 0.0,
        profit_ratio=trade.close_profit or 0.0,
        funding_fees=trade.funding_fees or 0.0,
        mfe_ratio=position.mfe_ratio,
        mae_ratio=position.mae_ratio,
        stop_price=trade.stop_loss,
        liquidation_price=trade.liquidation_price,
        exit_reason=trade.exit_reason or "unknown",
        entries=trade.nr_of_successful_entries,
        exits=trade.nr_of_successful_exits,
        thesis=position.thesis,
        exit_decision_id=final.get("decision_id"),
        model_score=final.get("trade_score"),
        exit_reflection=final.get("reason"),
    )


def closed_since(moment: datetime) -> Iterator[ClosedTrade]:
    """Describe the trades Freqtrade knows to have been closed after a moment."""
    return map(closed_trade, Trade.get_trades_proxy(is_open=False, close_date=moment))


def store_thesis(trade: Trade, thesis: Thesis) -> None:
    """Keep the whole thesis with the trade in Freqtrade's database."""
    trade.set_custom_data(THESIS_KEY, asdict(thesis))


def stored_thesis(trade: Trade) -> Thesis | None:
    """Read the thesis back; trades that are not ours, or of another version, have none."""
    stored = trade.get_custom_data(THESIS_KEY)
    if not isinstance(stored, dict):
        return None
    try:
        return Thesis(**stored)
    except TypeError:
        logger.warning("The thesis kept with trade %d is of another version", trade.id)
        return None


def anchor_stop(trade_id: int) -> None:
    """Make Freqtrade's stop ratio relative to the open rate, before an order changes the trade.

    After each fill Freqtrade applies the ratio to the open rate, but it was taken at the rate of
    the moment the stop was set: unanchored, a reduction in loss moves the stop beyond the price.
    """
    for trade in Trade.get_open_trades():
        if trade.id == trade_id and trade.stop_loss:
            trade.stop_loss_pct = -abs(1 - trade.stop_loss / trade.open_rate) * trade.leverage


def store_exit(trade: Trade, booking: Booking) -> None:
    """Keep the model's last word on a trade with it, so that a restart does not lose it."""
    words = {
        "decision_id": booking.decision_id,
        "trade_score": booking.model_score,
        "reason": booking.reason,
    }
    # Asked every few seconds until the fill; the database is written once.
    if trade.get_custom_data(EXIT_KEY) != words:
        trade.set_custom_data(EXIT_KEY, words)
