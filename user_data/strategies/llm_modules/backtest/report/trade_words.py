"""What is said of a trade beside the pointer: why it was opened, how it ended, what it taught."""

from llm_modules.backtest.report.numbers import minute, money, percent, price
from llm_modules.backtest.report.plain import hover
from llm_modules.domain import ClosedTrade


def entered(trade: ClosedTrade, currency: str) -> str:
    """Say how a trade was opened, how sure the model was, and its reason."""
    opened = (
        f"{trade.side.capitalize()} {trade.leverage:g}x, {trade.stake_amount:,.2f} {currency} "
        f"at {price(trade.open_rate)}, {minute(trade.opened_at)}"
    )
    thesis = trade.thesis
    if thesis is None:
        return hover((opened, "No reason is recorded."))
    return hover((opened, f"Confidence {thesis.confidence_score:g}", thesis.reason))


def left(trade: ClosedTrade, currency: str, lesson: str | None) -> str:
    """Say how a trade ended and with what, in the model's words where it closed it, and why."""
    closed = (
        f"{trade.side.capitalize()} closed at {price(trade.close_rate)}, {minute(trade.closed_at)}"
    )
    profit = f"{money(trade.profit_abs, currency)} ({percent(trade.profit_ratio)})"
    told = [closed, profit, f"Exit: {trade.exit_reason}"]
    if trade.exit_reflection:
        told.append(f"Said: {trade.exit_reflection}")
    return hover([*told, f"Lesson: {lesson}"] if lesson else told)
