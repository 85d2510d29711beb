"""All rooms wired around a client, on a temporary folder, with a clock that stands still."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from builders import NOON, a_config, a_world
from llm_modules.context.builder import ContextBuilder
from llm_modules.engine.book import DecisionBook
from llm_modules.engine.cheap_first import open_executor
from llm_modules.engine.cycle import Rooms
from llm_modules.engine.question import Present, World
from llm_modules.engine.sparing import Sparing
from llm_modules.gate.checker import DecisionChecker
from llm_modules.journal.reader import read_journal
from llm_modules.journal.records import (
    TRADE_LINES,
    DecisionRecord,
    HaltRecord,
    OutcomeRecord,
    TradeLine,
    TradeRecord,
)
from llm_modules.journal.trade_logger import TradeLogger
from llm_modules.learning.evaluator import TradeEvaluator
from llm_modules.learning.experience import ExperienceLibrary
from llm_modules.llm.client import LLMClient


def some_rooms(
    folder: Path,
    client: LLMClient,
    world: World | None = None,
    *,
    now: datetime = NOON + timedelta(seconds=1),
    **blocks: dict[str, Any],
) -> Rooms:
    config = a_config(str(folder), **blocks)
    return Rooms(
        config=config,
        context=ContextBuilder(config.context_config, config.risk_management),
        executor=open_executor(client, config.llm_config),
        sparing=Sparing(config.llm_config.asking),
        checker=DecisionChecker(config.risk_management),
        book=DecisionBook(),
        journal=TradeLogger(config.experience_config),
        library=ExperienceLibrary(config.experience_config, TradeEvaluator(10.0), "sandbox"),
        world=Present(world or a_world()),
        clock=lambda: now,
    )


def decisions(rooms: Rooms) -> Sequence[DecisionRecord]:
    return [line for line in rooms.journal.past_decisions() if isinstance(line, DecisionRecord)]


def trades(rooms: Rooms) -> Sequence[TradeRecord]:
    return [line for line in trade_lines(rooms) if isinstance(line, TradeRecord)]


def trade_lines(rooms: Rooms) -> Sequence[TradeLine]:
    path = Path(rooms.config.experience_config.trade_log_path)
    return read_journal(path, TRADE_LINES).records


def outcomes(rooms: Rooms) -> Sequence[OutcomeRecord]:
    return [line for line in rooms.journal.past_decisions() if isinstance(line, OutcomeRecord)]


def halts(rooms: Rooms) -> Sequence[HaltRecord]:
    return [line for line in rooms.journal.past_decisions() if isinstance(line, HaltRecord)]
