"""Whether every id in the journals names what it should: decision, trade, answer on the tape."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from llm_modules.domain import RunMode
from llm_modules.journal.cross_checking import Kept, RecordedTrade, StoredTrades, Trade
from llm_modules.journal.discrepancies import Discrepancy, Kind
from llm_modules.journal.parts import FoundLine
from llm_modules.journal.records import (
    DecisionLine,
    DecisionRecord,
    LessonRecord,
    OutcomeRecord,
    TradeKey,
    trade_key,
)

# A decision on daily candles is booked for a day, an exit for two: it is no older than that.
REACH = timedelta(days=2)
ENTRY_TOOLS = frozenset({"signal_entry_long", "signal_entry_short"})

# Says what is wrong with an attempt on the tape; None when it is there and whole.
Witness = Callable[[str], str | None]


class Subject(NamedTuple):
    """What an id is good for: decisions with the same one share it, so that a million fit."""

    pair: str
    tool: str | None
    mode: RunMode
    is_approved: bool


class TradeNames:
    """Which trades a number may mean: those of the present databases and of the records."""

    def __init__(
        self, stored: Mapping[RunMode, StoredTrades], recorded: Iterable[RecordedTrade]
    ) -> None:
        self._stored = stored
        self._trades: dict[tuple[RunMode, int], Trade] = {
            (trade.mode, trade.trade_id): trade
            for trade in recorded
            if self.can_tell(trade.mode, trade.opened_at)
        }
        # The database wins over the record: it holds open trades, and what was corrected.
        for mode, database in stored.items():
            self._trades |= {(mode, trade.trade_id): trade for trade in database.trades.values()}

    def can_tell(self, mode: RunMode, at: datetime) -> bool:
        """Tell whether a trade of this time would be known."""
        database = self._stored.get(mode)
        return database is not None and not database.is_newer_than(at)

    def trade_of(self, mode: RunMode, trade_id: int) -> Trade | None:
        """Return the trade of this number, None when there is none."""
        return self._trades.get((mode, trade_id))


class Links:
    """Follows the ids of the decision journal, line by line, then those of the trades.

    What is as new as `young_since` may name what is not written yet; without a `tape` attempts
    are only counted. Holds about 120 bytes per decision.
    """

    def __init__(
        self, names: TradeNames, tape: Witness | None, young_since: datetime, *, has_let_go: bool
    ) -> None:
        self.decisions = 0
        self.attempts = 0
        self._names = names
        self._tape = tape
        self._young_since = young_since
        self._kept = Kept(has_let_go, None)
        self._subjects: dict[str, Subject] = {}
        self._shared: dict[Subject, Subject] = {}
        self._filled: dict[str, int | None] = {}

    def take(self, line: DecisionLine, found: FoundLine) -> Iterator[Discrepancy]:
        """Check the next line of the decision journal against those before it."""
        if self._kept.oldest_at is None:
            self._kept = Kept(self._kept.has_let_go, line.at)
        where = line_name(found)
        if isinstance(line, DecisionRecord):
            yield from self._decision(line, where)
        elif isinstance(line, OutcomeRecord):
            yield from self._outcome(line, where)

    def of_trades(self, trades: Iterable[Trade]) -> Iterator[Discrepancy]:
        """Check what trades name, once all decisions are known; each trade comes once."""
        opened: dict[str, Trade] = {}
        for trade in trades:
            yield from self._entry(trade, opened)
            if isinstance(trade, RecordedTrade):
                yield from self._exit(trade)

    def _decision(self, line: DecisionRecord, where: str) -> Iterator[Discrepancy]:
        self.decisions += 1
        # The first stands: which of the two was meant nobody can tell.
        if line.decision_id in self._subjects:
            yield Discrepancy(
                "told twice", where, f"{line.decision_id!r} again", "an id of its own"
            )
            return
        is_approved = line.status in {"approved", "clamped"}
        subject = Subject(line.pair, line.tool, line.mode, is_approved)
        # Shared, because a year of decisions has some dozens of subjects.
        self._subjects[line.decision_id] = self._shared.setdefault(subject, subject)
        yield from self._trade_id(line.trade_id, subject, line.at, where)
        # A budget, or a server that is let be, may keep a question from being asked at all.
        if line.attempts and not line.tape_ids:
            yield Discrepancy("not taped", where, "a prompt", "an attempt on the tape")
        yield from self.attempts_at(line.tape_ids, where)

    def attempts_at(self, tape_ids: Sequence[str], where: str) -> Iterator[Discrepancy]:
        """Look for the attempts that a line names."""
        self.attempts += len(tape_ids)
        if self._tape is None:
            return
        for name in tape_ids:
            problem = self._tape(name)
            if problem is not None:
                found = f"attempt {name!r}: {problem}"
                yield Discrepancy("missing on the tape", where, found, "it whole on the tape")

    def _outcome(self, line: OutcomeRecord, where: str) -> Iterator[Discrepancy]:
        named = f"outcome of {line.decision_id!r}"
        subject = self._subjects.get(line.decision_id)
        if subject is None:
            yield self._unresolved(line.at, where, f"{named}, which is no decision before it")
            return
        if (line.pair, line.tool) != (subject.pair, subject.tool):
            expected = f"{subject.pair} {subject.tool}"
            yield Discrepancy("unfit", where, f"{named}: {line.pair} {line.tool}", expected)
        elif not subject.is_approved:
            yield Discrepancy("unfit", where, named, "an approved decision")
        if line.outcome == "filled":
            yield from self._trade_id(line.trade_id, subject, line.at, where)
        if line.outcome == "filled" and line.tool in ENTRY_TOOLS:
            yield from self._fill(line, subject, where)

    def _fill(self, line: OutcomeRecord, subject: Subject, where: str) -> Iterator[Discrepancy]:
        name, trade_id = line.decision_id, line.trade_id
        if name in self._filled:
            found = f"{name!r} filled again"
            yield Discrepancy("filled twice", where, found, "one entry of one decision")
        # The first filling stands: a second is told above.
        self._filled.setdefault(name, trade_id)
        if trade_id is None or not self._can_tell(subject, line.at):
            return
        trade = self._names.trade_of(subject.mode, trade_id)
        if trade is not None and trade.entry_decision_id != name:
            found, opened_by = f"trade {trade_id} by {name!r}", trade.entry_decision_id
            yield Discrepancy("unfit", where, found, f"{trade.where} was opened by {opened_by!r}")

    def _trade_id(
        self, trade_id: int | None, subject: Subject, at: datetime, where: str
    ) -> Iterator[Discrepancy]:
        if trade_id is None or not self._can_tell(subject, at):
            return
        trade = self._names.trade_of(subject.mode, trade_id)
        found = f"trade {trade_id} of {subject.pair}"
        if trade is None:
            yield Discrepancy("unknown trade", where, found, f"a trade in mode {subject.mode}")
        elif trade.pair != subject.pair:
            yield Discrepancy("unfit", where, found, f"trade {trade_id} is one of {trade.pair}")

    def _can_tell(self, subject: Subject, at: datetime) -> bool:
        return at < self._young_since and self._names.can_tell(subject.mode, at)

    def _entry(self, trade: Trade, opened: dict[str, Trade]) -> Iterator[Discrepancy]:
        name = trade.entry_decision_id
        if name is None:
            return
        yield from self._named(trade, name, f"signal_entry_{trade.side}", trade.opened_at)
        if name in opened:
            found = f"{name!r} opened {trade.where}"
            yield Discrepancy("filled twice", trade.where, found, f"only {opened[name].where}")
        opened.setdefault(name, trade)
        if name in self._subjects:
            yield from self._filled_by(trade, name)

    def _filled_by(self, trade: Trade, name: str) -> Iterator[Discrepancy]:
        if name not in self._filled:
            kind: Kind = "on its way" if trade.opened_at >= self._young_since else "not filled"
            yield Discrepancy(kind, trade.where, f"entry {name!r}", "a `filled` outcome of it")
            return
        filled = self._filled[name]
        if filled not in {None, trade.trade_id}:
            found = f"trade {trade.trade_id} by entry {name!r}"
            yield Discrepancy("unfit", trade.where, found, f"that filled trade {filled}")

    def _exit(self, trade: RecordedTrade) -> Iterator[Discrepancy]:
        name = trade.exit_decision_id
        if name is not None:
            at = trade.closed_at or trade.opened_at
            yield from self._named(trade, name, "signal_exit", at)

    def _named(self, trade: Trade, name: str, tool: str, at: datetime) -> Iterator[Discrepancy]:
        subject = self._subjects.get(name)
        if subject is None:
            yield self._unresolved(at, trade.where, f"{tool} by {name!r}")
        elif (subject.pair, subject.tool, subject.is_approved) != (trade.pair, tool, True):
            verdict = "approved" if subject.is_approved else "not approved"
            found = f"{name!r} is {subject.pair} {subject.tool}, {verdict}"
            yield Discrepancy("unfit", trade.where, found, f"{trade.pair} {tool}, approved")

    def _unresolved(self, at: datetime, where: str, found: str) -> Discrepancy:
        kind: Kind = "not kept" if self._kept.may_have_lost(at - REACH) else "unresolved"
        return Discrepancy(kind, where, found, "a decision in the journal")


def check_lesson(
    lesson: LessonRecord, pairs: Mapping[TradeKey, str], where: str, kept: Kept
) -> Iterator[Discrepancy]:
    """Check that a worded lesson names a trade that was recorded before it, with its pair."""
    pair = pairs.get(trade_key(lesson))
    found = f"lesson of trade {lesson.trade_id} of {lesson.pair}"
    if pair is None:
        kind: Kind = "not kept" if kept.may_have_lost(lesson.opened_at) else "unresolved"
        yield Discrepancy(kind, where, found, "the record of that trade")
    elif pair != lesson.pair:
        yield Discrepancy("unfit", where, found, f"that trade is one of {pair}")


def line_name(found: FoundLine) -> str:
    """Name a line for people."""
    return f"{found.file} line {found.number}"
