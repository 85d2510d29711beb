"""Reads journals, databases and tape once and runs every check over them; changes nothing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
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
    RecordedTrade,
    StoredTrades,
    Trade,
    check_trades,
    recorded_trade,
)
from llm_modules.journal.discrepancies import Discrepancy, Findings
from llm_modules.journal.linking import Links, TradeNames, Witness, check_lesson, line_name
from llm_modules.journal.parts import FoundLine
from llm_modules.journal.records import (
    DECISION_LINES,
    TRADE_LINES,
    Line,
    TradeKey,
    TradeLine,
    TradeRecord,
)
from llm_modules.llm.tape import Tape
from llm_modules.operations.places import shown
from llm_modules.operations.records.stored_trades import Unreadable, read_trades

LINES_PER_REPORT = 5000

LineT = TypeVar("LineT", bound=Line)
# Called now and then with a file and how many of its lines were read.
Progress = Callable[[str, int], None]


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

    `stored` and `records` are per mode; a mode without a database has nothing stored.
    """

    decision_chain: ChainReport
    trade_chain: ChainReport
    stored: Mapping[RunMode, StoredTrades]
    records: Mapping[RunMode, int]
    decisions: int
    attempts: int
    findings: Findings

    @property
    def faults(self) -> int:
        """How many faults were found, those of the chains included."""
        chains = (self.decision_chain, self.trade_chain)
        return self.findings.faults + sum(len(one.faults) for one in chains)


def audit(sources: Sources, young_since: datetime, report: Progress, most: int) -> Audit:
    """Read everything and return what was found, the first `most` of each kind in full.

    What happened at `young_since` or later may be half written. Raises OSError for an unreadable
    journal.
    """
    findings = Findings(most)
    # In this order a running bot does no harm: what is read later knows all that was named before.
    recorded = _Recorded(sources, findings)
    trade_chain = check_chain(sources.trades, _reporting(recorded.take, report))
    stored = _stored(sources, findings)
    for mode, database in stored.items():
        records = (trade for trade in recorded.trades if trade.mode == mode)
        findings.add(check_trades(records, database, recorded.kept, young_since))
    with closing(Tape(sources.tape)) as tape:
        # Where none of it can be read, that is one fault and not one of each decision.
        problem = _whole_problem(tape, sources.tape)
        witness = None if problem else _witness(tape)
        names, has_let_go = TradeNames(stored, recorded.trades), _has_let_go(sources.decisions)
        links = Links(names, witness, young_since, has_let_go=has_let_go)
        take = partial(_follow, links, findings)
        decision_chain = check_chain(sources.decisions, _reporting(take, report))
        findings.add(recorded.lessons_on_tape(links))
    findings.add(links.of_trades(chain(recorded.trades, _unrecorded(stored, recorded))))
    findings.add(_no_tape(sources.tape, problem, links) if problem else ())
    counts = links.decisions, links.attempts
    return Audit(decision_chain, trade_chain, stored, recorded.counts, *counts, findings)


def _follow(links: Links, findings: Findings, found: FoundLine) -> None:
    line = _record(found, DECISION_LINES, findings)
    findings.add(links.take(line, found) if line else ())


class _Recorded:
    """What the trade journal tells, line by line, as small as it can be kept."""

    def __init__(self, sources: Sources, findings: Findings) -> None:
        self.trades: list[RecordedTrade] = []
        self.counts: dict[RunMode, int] = {}
        self.pairs: dict[TradeKey, str] = {}
        self._lessons: list[tuple[Sequence[str], str]] = []
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
        self._findings.add(self._checked(line, line_name(found)))

    def lessons_on_tape(self, links: Links) -> Iterator[Discrepancy]:
        """Look for what a model was asked about lessons; the tape is read after the journals."""
        for tape_ids, where in self._lessons:
            yield from links.attempts_at(tape_ids, where)

    def _checked(self, line: TradeLine, where: str) -> Iterator[Discrepancy]:
        if not isinstance(line, TradeRecord):
            self._lessons.append((line.tape_ids, where))
            yield from check_lesson(line, self.pairs, where, self.kept)
            return
        self.counts[line.mode] = self.counts.get(line.mode, 0) + 1
        trade = recorded_trade(line, where)
        if trade.key in self.pairs:
            found = f"trade {trade.trade_id} opened {trade.opened_at:%Y-%m-%d %H:%M:%S} again"
            yield Discrepancy("told twice", where, found, "one record of each trade")
            return
        self.pairs[trade.key] = trade.pair
        self.trades.append(trade)


def _record(found: FoundLine, lines: TypeAdapter[LineT], findings: Findings) -> LineT | None:
    try:
        return lines.validate_json(found.text)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]["msg"]
    findings.add([Discrepancy("unreadable", line_name(found), problem, "a record of this journal")])
    return None


def _stored(sources: Sources, findings: Findings) -> dict[RunMode, StoredTrades]:
    stored: dict[RunMode, StoredTrades] = {}
    for mode, path in sources.databases.items():
        read = read_trades(path, mode)
        if isinstance(read, StoredTrades):
            stored[mode] = read
        elif isinstance(read, Unreadable):
            where = shown(path)
            findings.add([Discrepancy("unreadable", where, read.text, "Freqtrade's database")])
    return stored


def _unrecorded(stored: Mapping[RunMode, StoredTrades], recorded: _Recorded) -> Iterator[Trade]:
    """Yield the trades that have no record, open ones above all: they name their entry too."""
    for database in stored.values():
        for key, trade in database.trades.items():
            if key not in recorded.pairs:
                yield trade


def _has_let_go(journal: Path) -> bool:
    seal = read_seal(journal)
    return seal is not None and seal.let_go > 0


def _witness(tape: Tape) -> Witness:
    def problem(tape_id: str) -> str | None:
        # All of it, and not only the id: every text on the tape is named by its hash.
        try:
            return None if tape.read(tape_id) else "it is not there"
        except JournalError as error:
            return str(error)

    return problem


def _whole_problem(tape: Tape, path: Path) -> str | None:
    """Say what is wrong with a tape as a whole, None for one that can be read."""
    if not path.exists():
        return "there is no tape"
    try:
        tape.read("")
    except JournalError as error:
        return str(error)
    return None


def _no_tape(path: Path, problem: str, links: Links) -> Iterator[Discrepancy]:
    if links.attempts:
        expected = f"the {links.attempts:,} attempts that decisions and lessons name"
        yield Discrepancy("missing on the tape", shown(path), problem, expected)


def _reporting(take: Callable[[FoundLine], None], report: Progress) -> Callable[[FoundLine], None]:
    count = 0

    def counted(found: FoundLine) -> None:
        nonlocal count
        count += 1
        if count % LINES_PER_REPORT == 0:
            report(found.file, count)
        take(found)

    return counted
