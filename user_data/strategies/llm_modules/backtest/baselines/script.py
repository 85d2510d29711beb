"""Trading by a script in place of a model: no prompt is written, and nothing is journalled."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from llm_modules.backtest.outcome import Moment, Variant
from llm_modules.backtest.policy_client import PolicyClient
from llm_modules.config import AskingConfig
from llm_modules.context.builder import ContextBuilder
from llm_modules.context.pages import PairView
from llm_modules.dialogue import Inquiry, Prompt, ToolSpec
from llm_modules.domain import (
    AccountState,
    MarketSnapshot,
    OpenPosition,
)
from llm_modules.engine.cycle import Rooms
from llm_modules.engine.executor import Answer
from llm_modules.engine.sparing import Sparing
from llm_modules.journal.records import DecisionLine, LessonRecord, TradeRecord
from llm_modules.journal.trade_logger import TradeLogger
from llm_modules.tools.calls import ToolCall

Positions = Mapping[str, OpenPosition]
# A desk needs a client even where its executor never asks one.
NOBODY = PolicyClient()


@dataclass(frozen=True, slots=True)
class Scene:
    """What a script decides about: the pair's market, the account, and its position if any."""

    snapshot: MarketSnapshot
    account: AccountState
    position: OpenPosition | None


class Script(Protocol):
    """Whatever decides without a prompt, deterministically."""

    def asks(self, pair: str, at: datetime, position: OpenPosition | None) -> bool:
        """Tell whether there is anything to decide about a pair at the close of a candle."""
        ...

    def decide(self, scene: Scene) -> ToolCall:
        """Return the call for a pair that was asked about."""
        ...

    def heard(self, line: DecisionLine) -> None:
        """Take in a line that would stand in the decision journal."""
        ...


class StandIn(ContextBuilder):
    """Sits where prompts are written and where the model is asked, and asks the script."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._scenes: dict[str, Scene] = {}

    def build(self, view: PairView, account: AccountState, tools: tuple[ToolSpec, ...]) -> Prompt:
        """Keep what there is to see; the prompt is blank."""
        self._scenes[view.snapshot.pair] = Scene(view.snapshot, account, view.position)
        return Prompt((), tools)

    async def call(self, prompt: Prompt, inquiry: Inquiry) -> Answer:  # noqa: ARG002 - it is blank
        """Answer with the script's call."""
        call = self._script.decide(self._scenes.pop(inquiry.pair))
        return Answer(call, (), None, type(self._script).__name__)

    async def close(self) -> None:
        """Hold nothing."""


class Unkept(TradeLogger):
    """Takes every record and keeps none: nobody reads the journal of a script."""

    def __init__(self) -> None:
        """Open no file."""

    def decision(self, record: DecisionLine) -> bool:  # noqa: ARG002 - forgotten
        """Say that all is recorded, or nothing would be opened."""
        return True

    def trade(self, record: TradeRecord) -> None:
        """Forget it."""

    def lesson(self, record: LessonRecord) -> None:
        """Forget it."""

    def close(self) -> None:
        """Hold nothing."""


def _as_it_is(rooms: Rooms) -> Rooms:
    return rooms


def _unwatched(_moment: Moment) -> None:
    pass


def played(
    script: Script,
    fit: Callable[[Rooms], Rooms] = _as_it_is,
    watch: Callable[[Moment], None] = _unwatched,
) -> Variant:
    """Return the run in which a script decides; `fit` may exchange further rooms."""
    known: list[Callable[[], Positions]] = []

    def refit(rooms: Rooms) -> Rooms:
        known.append(lambda: rooms.world().positions)
        return fit(_scripted(script, rooms))

    def asks(pair: str, at: datetime) -> bool:
        return script.asks(pair, at, known[-1]().get(pair))

    return Variant(client=NOBODY, refit=refit, asks=asks, watch=watch)


def _scripted(script: Script, rooms: Rooms) -> Rooms:
    def heard(line: DecisionLine) -> None:
        rooms.heard(line)
        script.heard(line)

    rooms.close()
    stand_in = StandIn(script)
    return replace(
        rooms,
        context=stand_in,
        executor=stand_in,
        sparing=Sparing(AskingConfig()),
        journal=Unkept(),
        heard=heard,
        writer=None,
        panel=None,
        spending=None,
    )
