"""Equity, drawdown, the day's result and open positions: from the API, else from files."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from llm_modules.gate.risk_state import RiskState, StateUnreadableError, read_state, utc_day
from llm_modules.operations.running.api import Api, Balance, OpenTrade, StoredThesis
from llm_modules.operations.status.facts import AccountFacts, PositionFacts
from llm_modules.operations.status.lately import Lately


def saved_state(path: Path) -> RiskState | None:
    """Return what the emergency stop keeps of an account; an unreadable file is told as a halt."""
    try:
        return read_state(path)
    except StateUnreadableError:
        return None


def live_positions(api: Api) -> tuple[PositionFacts, ...] | None:
    """Return the open positions of a running bot, None when its API does not tell."""
    trades = api.open_trades()
    if trades is None:
        return None
    # A second question that most often has nothing to ask about.
    theses = api.theses() if trades else {}
    return tuple(_position(trade, theses.get(trade.trade_id)) for trade in trades)


def live_account(
    balance: Balance | None,
    positions: Sequence[PositionFacts] | None,
    state: RiskState | None,
    now: datetime,
) -> AccountFacts | None:
    """Value a running bot's account as the gate does: the balance and every open profit."""
    if balance is None or positions is None or balance.stake_balance is None:
        return None
    profits = [one.profit_abs for one in positions]
    if None in profits:
        return None
    equity = balance.stake_balance + sum(profit for profit in profits if profit is not None)
    return _valued("api", now, balance.stake, equity, state)


def recorded_account(lately: Lately, currency: str, state: RiskState | None) -> AccountFacts | None:
    """Return the account as the last decision saw it, None when none tells."""
    seen = lately.equity
    return None if seen is None else _valued("journal", seen[0], currency, seen[1], state)


def _valued(
    source: Literal["api", "journal"],
    at: datetime,
    currency: str,
    equity: float,
    state: RiskState | None,
) -> AccountFacts:
    known = state or RiskState(peak_equity=0.0)
    # The file is written a little less often than the peak grows.
    peak = max(known.peak_equity, equity) if known.peak_equity else None
    is_today = known.day == utc_day(at) and known.day_start_equity > 0
    start = known.day_start_equity if is_today else None
    return AccountFacts(
        source=source,
        at=at,
        currency=currency,
        equity=equity,
        peak_equity=peak,
        drawdown_ratio=equity / peak - 1 if peak else None,
        day_start_equity=start,
        day_profit_abs=equity - start if start else None,
        day_profit_ratio=equity / start - 1 if start else None,
    )


def _position(trade: OpenTrade, thesis: StoredThesis | None) -> PositionFacts:
    return PositionFacts(
        trade_id=trade.trade_id,
        pair=trade.pair,
        side="short" if trade.is_short else "long",
        leverage=trade.leverage or 1.0,
        stake_amount=trade.stake_amount,
        opened_at=datetime.fromtimestamp(trade.open_timestamp / 1000, UTC),
        open_rate=trade.open_rate,
        current_rate=trade.current_rate,
        profit_ratio=trade.profit_ratio,
        profit_abs=trade.profit_abs,
        stop_price=trade.stop_loss_abs,
        decision_id=thesis.decision_id if thesis else None,
        thesis=thesis.reason if thesis else None,
    )
