"""One decision's whole story, from both journals, the tape and Freqtrade's database.

Lines are first passed over as bytes: only those that hold what is looked for are read.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from llm_modules.domain import RunMode
from llm_modules.errors import JournalError
from llm_modules.journal.parts import found_lines
from llm_modules.journal.reader import LineT
from llm_modules.journal.records import (
    DECISION_LINES,
    TRADE_LINES,
    DecisionRecord,
    HaltRecord,
    LessonRecord,
    OutcomeRecord,
    TradeKey,
    TradeRecord,
    trade_key,
)
from llm_modules.llm.attempts import Attempt
from llm_modules.llm.tape import Tape
from llm_modules.operations.records.journals import Journals
from llm_modules.operations.viewing.orders import NOT_EXECUTED, Execution, execution_of

MOST_CANDIDATES = 10
NO_DATABASES: Mapping[RunMode, Path] = {}

Role = Literal["opened", "closed", "about"]


@dataclass(frozen=True, slots=True)
class Candidates:
    """The ids that a piece of an id may mean: how many there are, and the newest of them."""

    count: int
    newest: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TapedAttempt:
    """An attempt a decision names; without it `problem` says why."""

    id: str
    attempt: Attempt | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class TradeInStory:
    """A closed trade the decision had to do with, and its lesson in a model's words, if any."""

    role: Role
    record: TradeRecord
    lesson: LessonRecord | None


@dataclass(frozen=True, slots=True)
class Story:
    """A decision, what was asked and answered for it, and what became of it."""

    decision: DecisionRecord
    attempts: tuple[TapedAttempt, ...]
    outcomes: tuple[OutcomeRecord, ...]
    trades: tuple[TradeInStory, ...]
    execution: Execution = NOT_EXECUTED


def candidates(path: Path, piece: str) -> Candidates:
    """Return the decisions whose id is `piece`, or, where none is, begins or ends with it."""
    count = 0
    newest: deque[str] = deque(maxlen=MOST_CANDIDATES)
    for line in _lines(path, [piece], DECISION_LINES):
        if not isinstance(line, DecisionRecord):
            continue
        name = line.decision_id
        # A whole id ends the search: others may begin with it.
        if name == piece:
            return Candidates(1, (name,))
        if name.startswith(piece) or name.endswith(piece):
            count += 1
            newest.append(name)
    return Candidates(count, tuple(newest))


def story_of(
    journals: Journals, decision_id: str, databases: Mapping[RunMode, Path] = NO_DATABASES
) -> Story | None:
    """Return everything that is known of one decision, None when it is not in the journal.

    Its orders are looked for in the database of its mode.
    """
    decision: DecisionRecord | None = None
    outcomes: list[OutcomeRecord] = []
    for line in _lines(journals.decisions, [decision_id], DECISION_LINES):
        if isinstance(line, HaltRecord) or line.decision_id != decision_id:
            continue
        if isinstance(line, DecisionRecord):
            decision = line
        else:
            outcomes.append(line)
    if decision is None:
        return None
    attempts = taped(journals.tape, decision.tape_ids)
    trades = _trades(journals.trades, decision)
    execution = execution_of(databases.get(decision.mode), decision, outcomes)
    return Story(decision, attempts, tuple(outcomes), trades, execution)


def taped(path: Path, tape_ids: Iterable[str]) -> tuple[TapedAttempt, ...]:
    """Read attempts from the tape; what is missing or damaged is said and not raised."""
    with closing(Tape(path)) as tape:
        return tuple(_taped(tape, path, tape_id) for tape_id in tape_ids)


def trades_numbered(path: Path, trade_id: int) -> tuple[TradeInStory, ...]:
    """Return all closed trades of a number, oldest first: each database counts from 1."""
    found: dict[TradeKey, TradeRecord] = {}
    lessons: dict[TradeKey, LessonRecord] = {}
    for line in _lines(path, [_numbered(trade_id)], TRADE_LINES):
        if line.trade_id != trade_id:
            continue
        if isinstance(line, TradeRecord):
            found[trade_key(line)] = line
        else:
            lessons[trade_key(line)] = line
    return tuple(TradeInStory("about", one, lessons.get(key)) for key, one in found.items())


def _trades(path: Path, decision: DecisionRecord) -> tuple[TradeInStory, ...]:
    """Return the closed trades a decision opened, closed or was about, with their lessons."""
    wanted = [decision.decision_id]
    if decision.trade_id is not None:
        wanted.append(_numbered(decision.trade_id))
    roles: dict[TradeKey, tuple[Role, TradeRecord]] = {}
    lessons: dict[TradeKey, LessonRecord] = {}
    # A lesson follows its trade: by then its number is among what is wanted.
    for line in _lines(path, wanted, TRADE_LINES):
        if isinstance(line, LessonRecord):
            lessons[trade_key(line)] = line
        elif (role := _role(line, decision)) is not None:
            roles[trade_key(line)] = role, line
            wanted.append(_numbered(line.trade_id))
    return tuple(TradeInStory(role, one, lessons.get(key)) for key, (role, one) in roles.items())


def _role(trade: TradeRecord, decision: DecisionRecord) -> Role | None:
    if trade.entry is not None and trade.entry.decision_id == decision.decision_id:
        return "opened"
    if trade.exit_decision_id == decision.decision_id:
        return "closed"
    # In time as well: a new database gives the number to another trade.
    is_meant = (trade.mode, trade.trade_id) == (decision.mode, decision.trade_id)
    return "about" if is_meant and trade.opened_at <= decision.at <= trade.closed_at else None


def _taped(tape: Tape, path: Path, tape_id: str) -> TapedAttempt:
    try:
        attempt = tape.read(tape_id)
    except JournalError as error:
        return TapedAttempt(tape_id, None, str(error))
    if attempt is None:
        missing = f"it is not in {path.name}" if path.exists() else f"there is no {path.name}"
        return TapedAttempt(tape_id, None, missing)
    return TapedAttempt(tape_id, attempt)


def _numbered(trade_id: int) -> str:
    return f'"trade_id":{trade_id},'


def _lines(path: Path, wanted: list[str], lines: TypeAdapter[LineT]) -> Iterator[LineT]:
    """Yield the lines that hold one of the wanted texts, which may grow meanwhile."""
    for found in found_lines(path):
        if any(_as_written(text) in found.text for text in wanted):
            try:
                yield lines.validate_json(found.text)
            # `verify` names unreadable lines; who looks for one decision is not helped by them.
            except ValidationError:
                continue


def _as_written(text: str) -> bytes:
    # Half a surrogate pair stands in no file, and must not raise either.
    return text.encode(errors="replace")
