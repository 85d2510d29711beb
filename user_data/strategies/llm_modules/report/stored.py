"""What Freqtrade's own database knows beside the journals."""

from dataclasses import dataclass
from pathlib import Path

from llm_modules.journal.cross_checking import StoredTrades
from llm_modules.journal.records import TradeRecord, trade_key
from llm_modules.operations.places import shown
from llm_modules.operations.records.stored_trades import Unreadable, read_trades
from llm_modules.report.span import Span


@dataclass(frozen=True, slots=True)
class Stored:
    """A sentence on the database, and one to stand above all where records are missing."""

    sentence: str
    remark: str = ""


def compare(path: Path, span: Span, records: tuple[TradeRecord, ...]) -> Stored:
    """Count what the database holds of a span, and what of it has no record."""
    found = read_trades(path, span.mode)
    if found is None:
        return Stored(f"There is no database of this mode ({shown(path)}).")
    if isinstance(found, Unreadable):
        return Stored(found.text)
    return _compared(path, span, records, found)


def _compared(
    path: Path, span: Span, records: tuple[TradeRecord, ...], found: StoredTrades
) -> Stored:
    trades = found.trades.values()
    # A report may end in the past: what was opened since is none of its open trades.
    still_open = sum(trade.closed_at is None and trade.opened_at <= span.until for trade in trades)
    closed = {
        trade.key
        for trade in trades
        if trade.closed_at is not None and span.has(trade.mode, trade.closed_at)
    }
    sentence = (
        f"Freqtrade's database ({shown(path)}), trades closed in these days: {len(closed):,}, "
        f"open: {still_open:,}."
    )
    # Told above all: figures would be too good or too bad without anybody noticing.
    missing = len(closed - {trade_key(record) for record in records})
    if not missing:
        return Stored(sentence)
    remark = (
        f"Closed trades that Freqtrade's database has and the journal has not: {missing:,}. They "
        "are not in this report; ./manage.sh verify names them."
    )
    return Stored(sentence, remark)
