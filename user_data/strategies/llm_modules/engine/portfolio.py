"""The flow of one question about all pairs of a candle: cycle.py's rooms, but one model call."""

from collections.abc import Sequence

from llm_modules.config import TraderConfig
from llm_modules.context.pages import PairView
from llm_modules.context.portfolio import PortfolioContext
from llm_modules.dialogue import Inquiry, Prompt, ToolSpec
from llm_modules.domain import MarketSnapshot, Stance
from llm_modules.engine.cycle import Rooms, conclude, decide, fail, look, past_of, spare
from llm_modules.engine.portfolio_executor import Panel, PortfolioExecutor
from llm_modules.engine.question import Question
from llm_modules.errors import ConfigError, ContextBudgetError, MarketDataError
from llm_modules.journal.records import DecisionRecord
from llm_modules.llm.client import LLMClient
from llm_modules.llm.providers.dialect import Target
from llm_modules.tools.schema import offered_tools

# What a bill shows in place of a pair.
ALL_PAIRS = "all pairs"


def open_panel(client: LLMClient, config: TraderConfig, asked: Sequence[Target]) -> Panel | None:
    """Return what asks about all pairs at once, None where each is asked about by itself.

    Raises ConfigError where one of the models answers with one call at a time.
    """
    llm = config.llm_config
    if llm.asking.scope == "pair":
        return None
    single = [one.model for one in asked if not one.provider.of(one.model).several_calls]
    if single:
        raise ConfigError(
            f"llm_config.asking.scope: found 'portfolio', but {', '.join(single)} answers with one "
            "tool call at a time: set it to 'pair'"
        )
    executor = PortfolioExecutor(client, model=llm.model, deadline_seconds=llm.timeout)
    return Panel(PortfolioContext(config.context_config, config.risk_management), executor)


async def decide_all(questions: Sequence[Question], rooms: Rooms) -> list[DecisionRecord]:
    """Decide questions that came together: with one prompt where that is wished, else each."""
    if rooms.panel is not None and len(questions) > 1:
        return await _decide_together(questions, rooms, rooms.panel)
    return [await decide(question, rooms) for question in questions]


async def _decide_together(
    questions: Sequence[Question], rooms: Rooms, panel: Panel
) -> list[DecisionRecord]:
    """Take several questions through every room with one prompt; each gets its own record."""
    records: list[DecisionRecord] = []
    seen: list[tuple[Question, MarketSnapshot]] = []
    for question in questions:
        try:
            snapshot = look(question, rooms)
        except MarketDataError as error:
            records.append(fail(question, error, rooms))
            continue
        spared = spare(question, snapshot, rooms)
        if spared is None:
            seen.append((question, snapshot))
        else:
            records.append(spared)
    if seen:
        records += await _ask(seen, rooms, panel)
    return records


async def _ask(
    seen: Sequence[tuple[Question, MarketSnapshot]], rooms: Rooms, panel: Panel
) -> list[DecisionRecord]:
    try:
        prompt = _compose(seen, rooms, panel)
    except ContextBudgetError as error:
        return [fail(question, error, rooms) for question, _ in seen]
    # Of its own: on the bill it stands for all pairs, whatever comes of the first.
    inquiry = Inquiry(ALL_PAIRS, f"all-{seen[0][0].decision_id}", "portfolio")
    offers = {question.pair: offered_tools(question.stance) for question, _ in seen}
    answers = await panel.executor.call(prompt, inquiry, offers)
    # One after the other: each verdict knows what the ones before have promised.
    return [
        conclude(question, snapshot, prompt, answers[question.pair], rooms)
        for question, snapshot in seen
    ]


def _compose(seen: Sequence[tuple[Question, MarketSnapshot]], rooms: Rooms, panel: Panel) -> Prompt:
    views = []
    for question, snapshot in seen:
        experience, changes = past_of(question, snapshot, rooms)
        views.append(PairView(snapshot, question.position, experience, changes))
    account = seen[0][0].world.account
    return panel.context.build(views, account, _tools({one.stance for one, _ in seen}))


def _tools(stances: set[Stance]) -> tuple[ToolSpec, ...]:
    """Return the tools of all stances there are, always in the same order."""
    order: tuple[Stance, ...] = ("flat", "in_position")
    return tuple(tool for stance in order if stance in stances for tool in offered_tools(stance))
