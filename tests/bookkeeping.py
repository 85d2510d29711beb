"""A bot's journals, tape and database that agree, grown trade by trade; then somebody was there."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from freqtrade.persistence import KeyValueStore, Trade

from builders import (
    ARGUMENTS,
    NOON,
    PAIR,
    a_config,
    a_decision_record,
    a_thesis,
    a_trade_record,
)
from llm_modules.domain import RunMode
from llm_modules.engine.bridge.trades import closed_trade, store_thesis
from llm_modules.journal.chain import HASH_CHARACTERS, Link, chained, seal_path
from llm_modules.journal.log import JsonlLog
from llm_modules.journal.records import (
    Approved,
    EntryThesis,
    HaltRecord,
    LessonRecord,
    OutcomeRecord,
    TradeRecord,
)
from llm_modules.llm.tape import Tape
from llm_modules.operations.running.modes import DATABASES
from stored_trades import a_trade, an_order, let_go_of_database, open_database

ETH = "ETH/USDT:USDT"
STEP = timedelta(minutes=30)
EXIT_PRICE = 102.0
# So long after the story that nothing of it is on its way any more.
LATER = NOON + timedelta(days=400)


class Bookkeeping:
    """One bot of one mode in `<folder>`; a step of its story takes half an hour."""

    def __init__(self, folder: Path, mode: RunMode = "sandbox", **rotation: Any) -> None:
        self.folder, self.mode, self.now = folder, mode, NOON
        logs = folder / "logs"
        config = a_config(str(logs), experience_config={}).experience_config
        self.decisions, self.trades = Path(config.decision_log_path), Path(config.trade_log_path)
        self.tape, self.database = config.tape_path, folder / DATABASES[mode]
        self._log = JsonlLog(self.decisions, **rotation)
        self._records = JsonlLog(self.trades, **rotation)
        self._tape = Tape(self.tape)
        self.begin_database()

    def begin_database(self) -> None:
        """Open the database, made if there is none; Freqtrade counts from 1 again then."""
        is_new = not self.database.exists()
        open_database(self.database)
        if is_new:
            KeyValueStore.store_value("bot_start_time", self.now)

    def loses_database(self) -> None:
        """Have the database removed, with what SQLite keeps beside it, and a new one begun."""
        let_go_of_database()
        for path in self.folder.glob(f"{self.database.name}*"):
            path.unlink()
        self.now += STEP
        self.begin_database()

    def decides(self, tool: str, pair: str = PAIR, **changes: Any) -> str:
        """Ask the model about a pair; returns the id of the decision."""
        self.now += STEP
        name = f"{self.now:%y%m%d%H%M%S}-{pair[:3]}-{self.mode}"
        tape_id = self._asks("test-model", name)
        values = {
            "decision_id": name,
            "at": self.now,
            "candle_at": self.now,
            "pair": pair,
            "mode": self.mode,
            "tool": tool,
            "call": {key: value for key, value in ARGUMENTS[tool].items() if key != "pair"},
            "approved": Approved(leverage=4.0, stake_amount=25.0, stop_price=99.0),
            "prompt_hash": "0123456789abcdef",
            "tape_ids": (tape_id,),
        }
        self._log.append(a_decision_record(**(values | changes)))
        return name

    def _asks(self, model: str, text: str) -> str:
        """Put a question and an answer on the tape; returns the id."""
        request = {"model": model, "messages": [{"role": "user", "content": text}]}
        return self._tape.record(
            request, {"answer": text}, error=None, at=self.now, latency_seconds=0.1
        )

    def becomes(self, name: str, tool: str, trade_id: int | None, **changes: Any) -> None:
        """Note what became of a decision."""
        values = {
            "decision_id": name,
            "at": self.now + timedelta(seconds=5),
            "pair": PAIR,
            "tool": tool,
            "outcome": "filled",
            "trade_id": trade_id,
        }
        self._log.append(OutcomeRecord(**cast("Any", values | changes)))

    def opens(self, pair: str = PAIR, side: str = "long") -> Trade:
        """Enter as the model decided."""
        tool = f"signal_entry_{side}"
        name = self.decides(tool, pair)
        trade = a_trade(is_short=side == "short", pair=pair)
        trade.open_date = (self.now + timedelta(seconds=3)).replace(tzinfo=None)
        store_thesis(trade, a_thesis(decision_id=name))
        Trade.commit()
        self.becomes(name, tool, trade.id, pair=pair)
        return trade

    def closes(self, trade: Trade, exit_reason: str = "signal_exit") -> TradeRecord:
        """Leave as the model decided, or for another reason; the record is written."""
        name = self._ends(trade, exit_reason)
        record = record_of(trade, self.mode, exit_decision_id=name)
        self._records.append(record)
        return record

    def closes_unrecorded(self, trade: Trade) -> None:
        """Leave by a stop, and die before the record is written."""
        self._ends(trade, "stop_loss")

    def halts(self) -> None:
        """Note that trading was halted."""
        self._log.append(
            HaltRecord(at=self.now, mode=self.mode, event="halted", text="a drill", equity=1000.0)
        )

    def words(self, record: TradeRecord, **changes: Any) -> None:
        """Have a model word the lesson of a trade."""
        values = {
            "at": self.now,
            "mode": record.mode,
            "trade_id": record.trade_id,
            "opened_at": record.opened_at,
            "pair": record.pair,
            "model": "cheap",
            "text": "wait for the retest",
            "tape_ids": (self._asks("words", f"lesson of {record.trade_id}"),),
        }
        self._records.append(LessonRecord(**cast("Any", values | changes)))

    def records(self, record: TradeRecord) -> None:
        """Write a record of any content."""
        self._records.append(record)

    def done(self) -> "Bookkeeping":
        """Let go of every file."""
        self._log.close()
        self._records.close()
        self._tape.close()
        let_go_of_database()
        return self

    def _ends(self, trade: Trade, exit_reason: str) -> str | None:
        name = None
        if exit_reason == "signal_exit":
            name = self.decides("signal_exit", trade.pair, trade_id=trade.id)
        self.now += STEP
        trade.orders.append(an_order(trade, trade.exit_side, EXIT_PRICE, 1.0))
        trade.close_date = self.now.replace(tzinfo=None)
        trade.exit_reason = exit_reason
        trade.close(EXIT_PRICE, show_msg=False)
        Trade.commit()
        if name is not None:
            self.becomes(name, "signal_exit", trade.id, pair=trade.pair)
        return name


def record_of(trade: Trade, mode: RunMode, **changes: Any) -> TradeRecord:
    """The record the bot makes of a closed trade; what verify does not look at is made up."""
    closed = closed_trade(trade)
    assert closed.thesis is not None
    known = set(TradeRecord.model_fields) & set(closed.__dataclass_fields__)
    values = {name: getattr(closed, name) for name in known - {"exit_facts"}}
    entry = EntryThesis.model_validate(
        {name: getattr(closed.thesis, name) for name in EntryThesis.model_fields}
    )
    return a_trade_record(at=closed.closed_at, mode=mode, entry=entry, **(values | changes))


def rewritten(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Change the lines of a journal of one file and forge its chain: only other files can tell."""
    bodies = [line[: line.rindex(b',"seq"')] + b"}" for line in path.read_bytes().splitlines()]
    link, lines = Link(), []
    for body in change(bodies):
        line, link = chained(body, link)
        lines.append(line)
    path.write_bytes(b"".join(lines))
    digest = link.digest.encode().ljust(HASH_CHARACTERS, b"-")
    seal_path(path).write_bytes(b"%018d %b\n%018d\n" % (link.seq, digest, 0))


def replaced(path: Path, old: str, new: str, count: int = -1) -> None:
    """Put one text in the place of another in a journal, its chain forged."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    rewritten(path, lambda _: _bodies(text.replace(old, new, count)))


def without(path: Path, *indices: int) -> None:
    """Take lines out of a journal, its chain forged."""
    rewritten(path, lambda all_: [one for at, one in enumerate(all_) if at not in indices])


def sql(path: Path, statement: str, *values: object) -> None:
    """Change a database or tape by hand."""
    with closing(sqlite3.connect(path)) as database:
        database.execute(statement, values)
        database.commit()


def _bodies(text: str) -> list[bytes]:
    return [line[: line.rindex(',"seq"')].encode() + b"}" for line in text.splitlines()]
