"""The open positions of a bot that does not run, from Freqtrade's database."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from llm_modules.operations.records.stored_trades import address
from llm_modules.operations.status.facts import PositionFacts

# A bot that is starting may be writing.
WAIT_SECONDS = 0.5
OPEN_TRADES = """
SELECT t.id, t.pair, t.is_short, t.leverage, t.stake_amount, t.open_date, t.open_rate, t.stop_loss,
       c.cd_value
FROM trades t LEFT JOIN trade_custom_data c ON c.ft_trade_id = t.id AND c.cd_key = 'thesis'
WHERE t.is_open = 1 ORDER BY t.id
"""


def stored_positions(path: Path) -> tuple[PositionFacts, ...] | None:
    """Return the open positions of a database, None when they cannot be read; no file, no trade."""
    if not path.exists():
        return ()
    try:
        with closing(sqlite3.connect(address(path), timeout=WAIT_SECONDS, uri=True)) as database:
            return tuple(_position(row) for row in database.execute(OPEN_TRADES))
    except (sqlite3.Error, TypeError, ValueError):
        return None


def _position(row: tuple[object, ...]) -> PositionFacts:
    trade_id, pair, is_short, leverage, stake, opened, rate, stop, kept = row
    decision_id, reason = _thesis(kept)
    return PositionFacts(
        trade_id=int(str(trade_id)),
        pair=str(pair),
        side="short" if is_short else "long",
        leverage=float(str(leverage or 1.0)),
        stake_amount=float(str(stake)),
        # Freqtrade stores UTC without saying so.
        opened_at=datetime.fromisoformat(str(opened)).replace(tzinfo=UTC),
        open_rate=float(str(rate)),
        current_rate=None,
        profit_ratio=None,
        profit_abs=None,
        stop_price=None if stop is None else float(str(stop)),
        decision_id=decision_id,
        thesis=reason,
    )


def _thesis(kept: object) -> tuple[str | None, str | None]:
    try:
        thesis = json.loads(str(kept))
    except ValueError:
        return None, None
    match thesis:
        case {"decision_id": str(decision_id), "reason": str(reason)}:
            return decision_id, reason
    return None, None
