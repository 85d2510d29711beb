"""Reads journals, databases and tape once and runs every check over them; changes nothing."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from llm_modules.domain import RunMode
from llm_modules.errors import JournalError
from llm_modules.journal.chain import read_seal
from llm_modules.journal.checking import ChainReport, check_chain
from llm_modules.journal.cross_checking import (
    Kept,
    StoredBook,
    ToldTrade,
    Trade,
    check_trades,
    told_trade,
)
from llm_modules.journal.discrepancies import Discrepancy, Findings
from llm_modules.journal.linking import Links, TradeNames, Witness, check_lesson, place
from llm_modules.journal.parts import FoundLine
from llm_modules.journal.records import DECISION_LINES, TRADE_LINES, Line, TradeLine, TradeRecord
from llm_modules.llm.tape import Tape
from llm_modules.operations.places import shown
from llm_modules.operations.stored_trades import Unreadable, read_trades

LINES_PER_GLANCE = 5000

LineT = TypeVar("LineT", bound=Line)
# Called now and then with a file and how many of its lines were read.
Glance = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Sources:
    """The files of one bot; `expects_records` is False where closed trades are not recorded."""

    decisions: Path
    trades: Path
    tape: Path
    databases: Mapping[RunMode, Path]
    expects_records: bool = True


@dataclass(frozen=True, slots=True)
class Audit:
    """What was read, how much of it, and everything that does not fit.

    `records` and `books` are per mode; a mode without a database has no book.
    """

    decision_chain: ChainReport
    trade_chain: ChainReport
    books: Mapping[RunMode, StoredBook]
    records: Mapping[RunMode, int]
    decisions: int
    exchanges: int
    findings: Findings

    @property
    def faults(self) -> int:
        """How many faults were found, those of the chains included."""
        chains = (self.decision_chain, self.trade_chain)
        return self.findings.faults + sum(len(one.faults) for one in chains)


def audit(sources: Sources, young_since: datetime, glance: Glance, most: int) -> Audit:
    """Read everything and return what was found, the first `most` of each kind in full.

    What happened at `young_since` or later may be half written. Raises OSError for an unreadable
    journal.
    """
    findings = Findings(most)
    # In this order a running bot does no harm: what is read later knows all that was named before.
    told = _Told(sources, findings)
    trade_chain = check_chain(sources.trades, _glancing(told.take, glance))
    books = _books(sources, findings)
    for mode, book in books.items():
        records = (trade for trade in told.trades if trade.mode == mode)
        findings.add(check_trades(records, book, told.kept, young_since))
    with closing(Tape(sources.tape)) as tape:
        witness = _witness(tape) if sources.tape.exists() else None
        names, has_let_go = TradeNames(books, told.trades), _has_let_go(sources.decisions)
        links = Links(names, witness, young_since, has_let_go=has_let_go)
        take = partial(_follow, links, findings)
        decision_chain = check_chain(sources.decisions, _glancing(take, glance))
    findings.add(links.of_trades(chain(told.trades, _untold(books, told))))
    findings.add(_tape_is_gone(sources.tape, links) if witness is None else ())
    counts = links.decisions, links.exchanges
    return Audit(decision_chain, trade_chain, books, told.counts, *counts, findings)


def _follow(links: Links, findings: Findings, found: FoundLine) -> None:
    line = _record(found, DECISION_LINES, findings)
    findings.add(links.take(line, found) if line else ())


class _Told:
    """What the trade journal tells, line by line, as small as it can be kept."""

    def __init__(self, sources: Sources, findings: Findings) -> None:
        self.trades: list[ToldTrade] = []
        self.counts: dict[RunMode, int] = {}
        self.pairs: dict[tuple[RunMode, int, datetime], str] = {}
        self._findings = findings
        self._is_silent = not sources.expects_records
        # Whoever records nothing has let go of everything.
        self.kept = Kept(self._is_silent or _has_let_go(sources.trades), None)

    def take(self, found: FoundLine) -> None:
        """Read the next line."""
        line = _record(found, TRADE_LINES, self._findings)
        if line is None:
            return
        if self.kept.oldest_at is None and not self._is_silent:
            self.kept = Kept(self.kept.has_let_go, line.at)
        self._findings.add(self._checked(line, place(found)))

    def _checked(self, line: TradeLine, where: str) -> Iterator[Discrepancy]:
        if not isinstance(line, TradeRecord):
            yield from check_lesson(line, self.pairs, where, self.kept)
            return
        self.counts[line.mode] = self.counts.get(line.mode, 0) + 1
        trade = told_trade(line, where)
        identity = (line.mode, *trade.identity)
        if identity in self.pairs:
            found = f"trade {trade.trade_id} opened {trade.opened_at:%Y-%m-%d %H:%M:%S} again"
            yield Discrepancy("told twice", where, found, "one record of each trade")
            return
        self.pairs[identity] = trade.pair
        self.trades.append(trade)


def _record(found: FoundLine, lines: TypeAdapter[LineT], findings: Findings) -> LineT | None:
    try:
        return lines.validate_json(found.text)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]["msg"]
    findings.add([Discrepancy("unreadable", place(found), problem, "a record of this journal")])
    return None


def _books(sources: Sources, findings: Findings) -> dict[RunMode, StoredBook]:
    books: dict[RunMode, StoredBook] = {}
    for mode, path in sources.databases.items():
        read = read_trades(path, mode)
        if isinstance(read, StoredBook):
            books[mode] = read
        elif isinstance(read, Unreadable):
            where = shown(path)
            findings.add([Discrepancy("unreadable", where, read.text, "Freqtrade's database")])
    return books


def _untold(books: Mapping[RunMode, StoredBook], told: _Told) -> Iterator[Trade]:
    """Yield the trades that have no record, open ones above all: they name their entry too."""
    for mode, book in books.items():
        for identity, trade in book.trades.items():
            if (mode, *identity) not in told.pairs:
                yield trade


def _has_let_go(journal: Path) -> bool:
    seal = read_seal(journal)
    return seal is not None and seal.let_go > 0


def _witness(tape: Tape) -> Witness:
    def problem(exchange: str) -> str | None:
        # All of it, and not only the id: every text on the tape is named by its hash.
        try:
            return None if tape.read(exchange) else "it is not there"
        except JournalError as error:
            return str(error)

    return problem


def _tape_is_gone(path: Path, links: Links) -> Iterator[Discrepancy]:
    if links.exchanges:
        expected = f"the {links.exchanges:,} exchanges that decisions name"
        yield Discrepancy("no evidence", shown(path), "there is no tape", expected)


def _glancing(take: Callable[[FoundLine], None], glance: Glance) -> Callable[[FoundLine], None]:
    count = 0

    def counted(found: FoundLine) -> None:
        nonlocal count
        count += 1
        if count % LINES_PER_GLANCE == 0:
            glance(found.file, count)
        take(found)

    return counted
