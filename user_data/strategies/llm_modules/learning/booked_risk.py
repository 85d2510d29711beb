"""What a trade was meant to lose at most, judged by its stop; shared by scores and lessons."""

from llm_modules.domain import ClosedTrade

# Of the price: about 0.1 % for the fees of both orders and 0.2 % for slippage.
SLIPPAGE_RATIO = 0.003


def booked_stop(trade: ClosedTrade) -> float:
    """Return the stop the trade was opened with, or the last one when that is not known.

    A stop that was tightened later says nothing about the risk that had been taken.
    """
    if trade.thesis is None or trade.thesis.stop_price is None:
        return trade.stop_price
    return trade.thesis.stop_price


def allowed_loss_ratio(trade: ClosedTrade, stop_price: float) -> float:
    """Return the loss at a stop plus slippage, as a positive leveraged ratio.

    A stop on the profitable side of the entry allows no loss beyond slippage.
    """
    towards_loss = 1 if trade.side == "long" else -1
    distance = towards_loss * (trade.open_rate - stop_price) / trade.open_rate
    return (max(distance, 0.0) + SLIPPAGE_RATIO) * trade.leverage


def overran_stop(trade: ClosedTrade) -> bool:
    """Say whether the trade lost more than its last stop plus slippage allowed."""
    return -trade.profit_ratio > allowed_loss_ratio(trade, trade.stop_price)


def is_liquidated_before_stop(trade: ClosedTrade) -> bool:
    """Say whether the liquidation price lay nearer to the entry than the booked stop."""
    if trade.liquidation_price is None:
        return False
    stop = booked_stop(trade)
    if trade.side == "long":
        return stop < trade.liquidation_price
    return stop > trade.liquidation_price
