"""The flow of questions that come together: cycle.py's steps, asked at once or in one call."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from llm_modules.config import TraderConfig
from llm_modules.context.pages import PairView
from llm_modules.context.portfolio import PortfolioContext
from llm_modules.dialogue import Inquiry, Prompt, ToolSpec
from llm_modules.domain import Stance
from llm_modules.engine.cycle import (
    Case,
    Rooms,
    ask,
    conclude,
    decide,
    fail,
    give_up,
    look,
    prepare,
    spare,
    view_of,
)
from llm_modules.engine.deadline import deadline_of
from llm_modules.engine.executor import Answer
from llm_modules.engine.guard import contained
from llm_modules.engine.portfolio_executor import Panel, PortfolioExecutor
from llm_modules.engine.question import Question
from llm_modules.errors import ContextBudgetError, MarketDataError
from llm_modules.journal.records import DecisionRecord
from llm_modules.llm.client import LLMClient
from llm_modules.llm.opening import demand_several_calls
from llm_modules.llm.providers.dialect import Target
from llm_modules.tools.schema import offered_tools

# What a bill shows in place of a pair.
ALL_PAIRS = "all pairs"
# An entry with its reason takes about 190 tokens; less room would cut the answer off for all.
TOKENS_OF_A_CALL = 250

Done = Callable[[Question, DecisionRecord], None]
# Told of each answer what is to be done about it: now, or when its turn comes.
Concluded = Callable[[Callable[[], None]], None]
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A question whose market could be looked at."""

    question: Question
    view: PairView


@dataclass(frozen=True, slots=True)
class _Part:
    """Pairs that are asked about together, and their prompt."""

    seen: Sequence[_Seen]
    prompt: Prompt


def open_panel(
    client: LLMClient, config: TraderConfig, asked: Sequence[Target], prompts: Path | None = None
) -> Panel | None:
    """Return what asks about all pairs at once, None where each is asked about by itself.

    `prompts` is the folder of the user's own templates. Raises ConfigError where one of the models
    answers with one call at a time.
    """
    llm = config.llm_config
    demand_several_calls(llm, asked)
    if llm.asking.scope == "pair":
        return None
    return Panel(
        context=PortfolioContext(config.context_config, config.risk_management, prompts),
        executor=PortfolioExecutor(client, model=llm.model, deadline=deadline_of(llm)),
        most_pairs=max(1, llm.max_tokens // TOKENS_OF_A_CALL),
    )


async def decide_all(questions: Sequence[Question], rooms: Rooms, done: Done) -> None:
    """Decide questions that came together: with one prompt where that is wished, else each.

    `done` is told of each as soon as it is decided: an exit does not wait for other pairs.
    """
    panel = rooms.panel
    if len(questions) == 1:
        done(questions[0], await decide(questions[0], rooms))
        return
    if panel is None:
        await _decide_each(questions, rooms, done)
        return
    seen: list[_Seen] = []
    for question in questions:
        found = _seen(question, rooms)
        if isinstance(found, _Seen):
            seen.append(found)
        else:
            done(question, found)
    parts = _parts(seen, rooms, panel, done)
    if len(parts) > 1:
        logger.info("%d pairs are asked about in %d questions", len(seen), len(parts))
    if questions[0].mode != "backtest":
        await asyncio.gather(*(_ask(part, rooms, panel, done) for part in parts))
        return
    # Not as they arrive: each verdict knows what the ones before promised, replayed too.
    kept: list[list[Callable[[], None]]] = [[] for _ in parts]
    asked = zip(parts, kept, strict=True)
    await asyncio.gather(*(_ask(part, rooms, panel, done, later.append) for part, later in asked))
    for conclude_one in (one for of_part in kept for one in of_part):
        conclude_one()


async def _decide_each(questions: Sequence[Question], rooms: Rooms, done: Done) -> None:
    """Ask about every pair at once; the answers count in the order of the questions."""
    cases: list[Case] = []
    for question in questions:
        case = prepare(question, rooms)
        if isinstance(case, Case):
            cases.append(case)
        else:
            done(question, case)
    answers = await _answers(cases, rooms)
    # Not as they arrive: each verdict knows what the ones before promised, replayed too.
    for case, answer in zip(cases, answers, strict=True):
        record = conclude(case.question, case.snapshot, case.prompt, answer, rooms)
        done(case.question, record)


async def _answers(cases: Sequence[Case], rooms: Rooms) -> Sequence[Answer]:
    """Ask about every pair at once; the answers come in the order of the cases."""
    # A tape alone answers without waiting: a task for each would do nothing but take its time.
    if rooms.config.llm_config.is_played:
        return [await ask(case, rooms) for case in cases]
    return await asyncio.gather(*(ask(case, rooms) for case in cases))


def _seen(question: Question, rooms: Rooms) -> _Seen | DecisionRecord:
    """Look at one pair, or record why it is not asked about; its trouble is nobody else's."""
    found: _Seen | DecisionRecord | None = None
    with contained(f"Looking at {question.pair}") as outcome:
        try:
            sight = look(question, rooms)
            found = spare(question, sight.snapshot, rooms) or _Seen(
                question, view_of(question, sight, rooms)
            )
        except MarketDataError as error:
            found = fail(question, error, rooms)
    return found or give_up(question, f"internal: {type(outcome.error).__name__}", rooms)


def _parts(seen: Sequence[_Seen], rooms: Rooms, panel: Panel, done: Done) -> list[_Part]:
    """Divide the pairs into as few questions as fit, each with its prompt.

    A pair that does not fit even alone is recorded as failed.
    """
    if not seen:
        return []
    try:
        if len(seen) <= panel.most_pairs:
            return [_Part(seen, _compose(seen, panel))]
    except ContextBudgetError as error:
        if len(seen) == 1:
            done(seen[0].question, fail(seen[0].question, error, rooms))
            return []
    half = (len(seen) + 1) // 2
    return [
        part for some in (seen[:half], seen[half:]) for part in _parts(some, rooms, panel, done)
    ]


def _at_once(conclude_one: Callable[[], None]) -> None:
    conclude_one()


async def _ask(
    part: _Part, rooms: Rooms, panel: Panel, done: Done, take: Concluded = _at_once
) -> None:
    by_pair = {one.question.pair: one for one in part.seen}

    def conclude_one(pair: str, answer: Answer) -> None:
        # One after the other: each verdict knows what the ones before have promised.
        question, snapshot = by_pair[pair].question, by_pair[pair].view.snapshot
        with contained(f"Deciding about {pair}") as outcome:
            done(question, conclude(question, snapshot, part.prompt, answer, rooms))
        if outcome.error is not None:
            fault = f"internal: {type(outcome.error).__name__}"
            done(question, give_up(question, fault, rooms))

    # Of its own: on the bill it stands for all pairs, whatever comes of the first.
    inquiry = Inquiry(ALL_PAIRS, f"all-{part.seen[0].question.decision_id}", "portfolio")
    offers = {pair: offered_tools(one.question.stance) for pair, one in by_pair.items()}
    await panel.executor.call(
        part.prompt,
        inquiry,
        offers,
        lambda pair, answer: take(partial(conclude_one, pair, answer)),
    )


def _compose(seen: Sequence[_Seen], panel: Panel) -> Prompt:
    account = seen[0].question.world.account
    tools = _tools({one.question.stance for one in seen})
    return panel.context.build([one.view for one in seen], account, tools)


def _tools(stances: set[Stance]) -> tuple[ToolSpec, ...]:
    """Return the tools of all stances there are, always in the same order."""
    order: tuple[Stance, ...] = ("flat", "in_position")
    return tuple(tool for stance in order if stance in stances for tool in offered_tools(stance))
