"""The whole flow of one decision, on one page; live, dry-run, sandbox, backtest.

candles -> snapshot -> context -> model -> tool call -> verdict -> journal -> book
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from llm_modules.config import TraderConfig
from llm_modules.context.builder import ContextBuilder
from llm_modules.context.pages import PairView
from llm_modules.dialogue import Inquiry, Prompt
from llm_modules.domain import MarketSnapshot, OpenPosition
from llm_modules.engine.book import DecisionBook
from llm_modules.engine.booking import booking_for
from llm_modules.engine.executor import Answer, Executor
from llm_modules.engine.exposures import exposures
from llm_modules.engine.lesson_writer import LessonWriter
from llm_modules.engine.portfolio_executor import Panel
from llm_modules.engine.question import Question, World
from llm_modules.engine.recording import (
    answered_record,
    failed_record,
    outcome_record,
    skipped_record,
)
from llm_modules.engine.sight import Sight, not_seen_before, snapshot_of
from llm_modules.engine.sparing import Sparing
from llm_modules.errors import ContextBudgetError, JournalError, MarketDataError
from llm_modules.gate.checker import DecisionChecker
from llm_modules.gate.verdict import GateState, Proposal, Verdict
from llm_modules.journal.records import DecisionLine, DecisionRecord
from llm_modules.journal.trade_logger import TradeLogger
from llm_modules.learning.experience import ExperienceLibrary
from llm_modules.llm.spending.spending import Spending
from llm_modules.market.comparison import MarketStateComparator
from llm_modules.tools.calls import ToolCall
from llm_modules.tools.schema import offered_tools

logger = logging.getLogger(__name__)


def _unheard(_line: DecisionLine) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Rooms:
    """Everything a decision passes through; `world` and `clock` tell the present.

    `heard` is told of every line that is noted. `writer` words lessons by a model, None where the
    rules' words are enough; `panel` asks about all pairs of a candle at once, None where each is
    asked about by itself; `spending` keeps the bill. `seen_before` gives what was seen of a
    question's market before it was put, as a backtest can.
    """

    config: TraderConfig
    context: ContextBuilder
    executor: Executor
    sparing: Sparing
    checker: DecisionChecker
    book: DecisionBook
    journal: TradeLogger
    library: ExperienceLibrary
    world: Callable[[], World]
    clock: Callable[[], datetime]
    heard: Callable[[DecisionLine], None] = _unheard
    writer: LessonWriter | None = None
    panel: Panel | None = None
    spending: Spending | None = None
    seen_before: Callable[[Question], Sight | None] = not_seen_before

    def close(self) -> None:
        """Release the files."""
        self.journal.close()
        if self.spending is not None:
            self.spending.close()


@dataclass(frozen=True, slots=True)
class Case:
    """A question that goes to the model: what was seen, and the prompt that tells it."""

    question: Question
    snapshot: MarketSnapshot
    prompt: Prompt


async def decide(question: Question, rooms: Rooms) -> DecisionRecord:
    """Take one question through every room; whatever happens, a record says so."""
    case = prepare(question, rooms)
    if not isinstance(case, Case):
        return case
    answer = await ask(case, rooms)
    return conclude(question, case.snapshot, case.prompt, answer, rooms)


def prepare(question: Question, rooms: Rooms) -> Case | DecisionRecord:
    """Make a case of a question, or record why the model is not asked."""
    try:
        sight = look(question, rooms)
        spared = spare(question, sight.snapshot, rooms)
        return spared or Case(question, sight.snapshot, compose(question, sight, rooms))
    except (MarketDataError, ContextBudgetError) as error:
        return fail(question, error, rooms)


async def ask(case: Case, rooms: Rooms) -> Answer:
    """Have the model answer; nothing else happens meanwhile, so cases may be asked at once."""
    question = case.question
    inquiry = Inquiry(question.pair, question.decision_id, question.stance)
    return await rooms.executor.call(case.prompt, inquiry)


def conclude(
    question: Question, snapshot: MarketSnapshot, prompt: Prompt, answer: Answer, rooms: Rooms
) -> DecisionRecord:
    """Judge, record and book an answer, in this order."""
    verdict = judge(answer.call, question, snapshot, rooms) if answer.call else None
    record = answered_record(question, rooms.clock(), snapshot, prompt, answer, verdict)
    recorded = note(record, rooms)
    proposal = verdict.proposal if verdict else None
    # What cannot be recorded may not add risk; getting out may not depend on a disk.
    if proposal is not None and (recorded or proposal.only_reduces):
        book(question, snapshot, proposal, answer.model, rooms)
    elif proposal is not None:
        logger.warning("%s: approved, not opened: the journals are behind", question.pair)
    # After the booking: an exit waits for no bill.
    if rooms.spending is not None:
        rooms.spending.named(record.decision_id, record.tool or record.status)
    return record


def spare(question: Question, snapshot: MarketSnapshot, rooms: Rooms) -> DecisionRecord | None:
    """Record that the model need not be asked, where that is so."""
    skip = rooms.sparing.reason_to_skip(question, snapshot)
    if skip is None:
        return None
    model = rooms.config.llm_config.model
    templates = rooms.context.templates
    record = skipped_record(question, rooms.clock(), snapshot, model, skip, templates)
    note(record, rooms)
    return record


def fail(question: Question, error: Exception, rooms: Rooms) -> DecisionRecord:
    """Record that a question never reached the model."""
    return give_up(question, f"{type(error).__name__}: {error}", rooms)


def give_up(question: Question, fault: str, rooms: Rooms) -> DecisionRecord:
    """Record that a question ended without a decision, and why."""
    model = rooms.config.llm_config.model
    record = failed_record(question, rooms.clock(), model, fault, rooms.context.templates)
    note(record, rooms)
    return record


def look(question: Question, rooms: Rooms) -> Sight:
    """See the market as the question's candles show it. Raises MarketDataError."""
    extra = rooms.config.context_config.extra_indicators
    return rooms.seen_before(question) or Sight(snapshot_of(question, extra))


def compose(question: Question, sight: Sight, rooms: Rooms) -> Prompt:
    """Write the prompt, with what the past taught before this candle. Raises ContextBudgetError."""
    tools = offered_tools(question.stance)
    return rooms.context.build(view_of(question, sight, rooms), question.world.account, tools)


def view_of(question: Question, sight: Sight, rooms: Rooms) -> PairView:
    """Join the market with the position, the past before this candle, and what changed since."""
    snapshot, position = sight.snapshot, question.position
    # A snapshot keeps its price apart, recorded facts do not: only alike can be compared.
    facts = {"price": snapshot.price, **snapshot.facts}
    experience = rooms.library.recall(question.pair, question.candle_at, facts)
    thesis = position.thesis if position else None
    changes = MarketStateComparator().compare(thesis.facts, facts) if thesis else ()
    return PairView(snapshot, position, experience, changes, sight.market_page)


def judge(call: ToolCall, question: Question, snapshot: MarketSnapshot, rooms: Rooms) -> Verdict:
    """Let the gate judge the call against the account as it is now, not as it was when asked."""
    world = rooms.world()
    promised = rooms.book.promised(world.account.version)
    state = GateState(
        now=rooms.clock(),
        candle_at=question.candle_at,
        valid_until=question.valid_until,
        pair=question.pair,
        price=snapshot.price,
        rules=question.rules,
        account=world.account,
        position=_same_position(question, world),
        exposures=exposures(question, world, promised),
        locked_sides=question.locked_sides,
        tradable=question.tradable,
        facts=snapshot.facts,
        conduct=world.conduct,
        habits=rooms.library.habits(question.pair, question.candle_at),
        acted_on=rooms.book.acted_on(question.pair),
        funding_rate=question.funding_rate,
    )
    return rooms.checker.judge(call, state)


def book(
    question: Question, snapshot: MarketSnapshot, proposal: Proposal, model: str, rooms: Rooms
) -> None:
    """Book what was approved: a stop at once, an order for Freqtrade to pick up."""
    position = question.position
    # Not with the booking: the stop holds even if the order is never made.
    if position is not None and proposal.stop_price is not None:
        rooms.book.put_stop(position.trade_id, proposal.stop_price)
    booking = booking_for(question, snapshot, proposal, rooms.config.risk_management, model)
    # Holding ends an exit of the candle before that could not be made.
    replaced = rooms.book.put(booking) if booking else rooms.book.withdraw(question.pair)
    if replaced is not None:
        note(outcome_record(replaced, "superseded", rooms.clock(), trade_id=None), rooms)


def note(line: DecisionLine, rooms: Rooms) -> bool:
    """Write a line into journal and library; returns whether the journals have all they should."""
    # Memory first: the next prompt must know it even when the disk is full.
    rooms.library.note(line)
    rooms.sparing.note(line)
    rooms.heard(line)
    try:
        return rooms.journal.decision(line)
    except JournalError:
        logger.exception("A %s record is not in the journal", line.kind)
        return False


def _same_position(question: Question, world: World) -> OpenPosition | None:
    """Return the pair's position now, unless it is another one than the model was shown."""
    asked, present = question.position, world.positions.get(question.pair)
    if asked is not None and present is not None and asked.trade_id != present.trade_id:
        return None
    return present
