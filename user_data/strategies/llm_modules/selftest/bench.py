"""The real rooms and desk on a workbench: a folder of its own, a clock moved by hand, no network.

Only the model and the exchange are simulated. Everything between them is what the bot runs.
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from llm_modules.config import AskingConfig, ExperienceConfig, RiskConfig, TraderConfig
from llm_modules.context.builder import ContextBuilder
from llm_modules.dialogue import Inquiry, Prompt, Reply, ToolRequest
from llm_modules.domain import RunMode
from llm_modules.engine.book import DecisionBook
from llm_modules.engine.cycle import Rooms
from llm_modules.engine.deadline import deadline_of
from llm_modules.engine.desk import Desk
from llm_modules.engine.executor import FunctionExecutor
from llm_modules.engine.past import Past
from llm_modules.engine.question import Present, Question
from llm_modules.engine.sparing import Sparing
from llm_modules.engine.startup import unknown_world
from llm_modules.gate.checker import DecisionChecker
from llm_modules.gate.emergency import EmergencyStop
from llm_modules.gate.halt import HaltSwitch
from llm_modules.journal.records import DecisionLine, DecisionRecord
from llm_modules.journal.trade_logger import TradeLogger
from llm_modules.learning.evaluator import TradeEvaluator
from llm_modules.learning.experience import ExperienceLibrary

MODE: RunMode = "sandbox"
MODEL_NAME = "selftest"
POLL_SECONDS = 0.0003
# A decision takes milliseconds; this only keeps a hanging one from hanging the battery.
PATIENCE_SECONDS = 20.0
# What only the model reads is kept short: the gate sees none of it, and it takes half the time.
SHORT_PROMPT = {
    "max_context_tokens": 100_000,
    "indicator_history_points": 1,
    "raw_kline_history_points": 0,
    "include_multi_timeframe_data": False,
    "extra_indicators": (),
}


class BatteryError(Exception):
    """The battery itself cannot go on: no invariant is shown, which counts as a failure."""


class Clock:
    """The present, moved by hand."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """Return the present moment."""
        return self.now


class InProcessModel:
    """Stands in for the model and its server: `answer` makes the reply to a prompt."""

    def __init__(self) -> None:
        self.answer: Callable[[Prompt], Reply] = lambda _prompt: reply_of()
        self.prompts = 0
        self.last_prompt: Prompt | None = None

    async def ask(
        self,
        prompt: Prompt,
        inquiry: Inquiry | None = None,  # noqa: ARG002 - nothing is spent here
        *,
        model: str | None = None,  # noqa: ARG002 - one model answers all
    ) -> Reply:
        """Return what was prepared; it takes no time."""
        self.prompts += 1
        self.last_prompt = prompt
        return self.answer(prompt)

    async def close(self) -> None:
        """Hold nothing that would have to be released."""


def reply_of(*requests: ToolRequest, finish_reason: str = "tool_calls") -> Reply:
    """Return a model's reply that makes these requests."""
    return Reply("", requests, finish_reason, MODEL_NAME)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the rooms are built of; a test puts a broken part in and sees the battery fail."""

    checker: Callable[[RiskConfig], DecisionChecker] = DecisionChecker
    book: Callable[[], DecisionBook] = DecisionBook
    journal: Callable[[ExperienceConfig], TradeLogger] = TradeLogger
    emergency: Callable[[HaltSwitch, Path, RiskConfig], EmergencyStop] = EmergencyStop
    desk: Callable[[Rooms, Present, EmergencyStop, RunMode], Desk] = Desk


class ListeningLibrary(ExperienceLibrary):
    """The library as it is; what it is told can be read here."""

    newest: DecisionRecord | None = None

    def note(self, line: DecisionLine) -> None:
        """Remember the newest decision."""
        super().note(line)
        if isinstance(line, DecisionRecord):
            self.newest = line


class Bench:
    """One bot without Freqtrade, an exchange or a model, in `folder`.

    The folder stands in for user_data: journals, the state of the emergency stop and HALT files
    are in it. Raises BatteryError when a decision does not come to an end.
    """

    def __init__(self, config: TraderConfig, folder: Path, now: datetime, parts: Parts) -> None:
        self.folder = folder
        self.clock = Clock(now)
        self.model = InProcessModel()
        self.switch = HaltSwitch(folder, MODE)
        self._settings = config
        self._parts = parts
        self._journals = 0
        self._context = _context(config)
        self._open()

    @property
    def risk(self) -> RiskConfig:
        """The limits the rooms were opened with."""
        return self.config.risk_management

    def ask(self, question: Question) -> DecisionRecord:
        """Have one question decided on the desk's own thread, and return its record."""
        decided = self.desk.decided
        self.desk.ask([question])
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while self.desk.decided == decided:
            if time.monotonic() > give_up_at:
                raise BatteryError(f"the decision about {question.pair} did not come to an end")
            time.sleep(POLL_SECONDS)
        if self.library.newest is None:
            raise BatteryError(f"the decision about {question.pair} left no record")
        return self.library.newest

    def restart(self, config: TraderConfig | None = None, *, killed: bool = False) -> None:
        """Open new rooms on the same journals, after an orderly end or as `kill -9` leaves them."""
        before = self._journal_folder()
        if config is not None:
            self._settings, self._context = config, _context(config)
        if killed:
            # What the old desk writes at its orderly end stays out of the copy.
            self._journals += 1
            shutil.copytree(before, self._journal_folder())
        self.close()
        self._open()

    def close(self) -> None:
        """End the desk and release the journals."""
        self.desk.stop()

    def _open(self) -> None:
        self.config = self._in_folder(self._settings)
        journal = self._parts.journal(self.config.experience_config)
        decisions, past = journal.past_decisions(), Past(journal, MODE)
        evaluator = TradeEvaluator(self.risk.max_leverage)
        self.library = ListeningLibrary(self.config.experience_config, evaluator, MODE)
        self.library.load(past, decisions)
        present = Present(unknown_world("USDT"))
        self.rooms = Rooms(
            config=self.config,
            context=self._context,
            executor=FunctionExecutor(
                self.model, model=MODEL_NAME, deadline=deadline_of(self.config.llm_config)
            ),
            # Every question is asked, whatever the user's settings spare.
            sparing=Sparing(AskingConfig()),
            checker=self._parts.checker(self.risk),
            book=self._parts.book(),
            journal=journal,
            library=self.library,
            world=present,
            clock=self.clock,
        )
        stop = self._parts.emergency(self.switch, self.folder / "risk_state.json", self.risk)
        self.desk = self._parts.desk(self.rooms, present, stop, MODE)
        self.desk.past_closes(past.closes, past.since)
        self.desk.start(decisions)

    def _in_folder(self, config: TraderConfig) -> TraderConfig:
        """Return the settings with both journals switched on, in this folder and not the user's."""
        folder = self._journal_folder()
        places = {
            "log_decisions": True,
            "log_trades": True,
            "decision_log_path": str(folder / "decisions.jsonl"),
            "trade_log_path": str(folder / "trades.jsonl"),
            "reward_learning": False,
            "lesson_model": "",
            "max_recent_trades_context": 1,
            "max_recent_decisions_context": 1,
        }
        experience = config.experience_config.model_copy(update=places)
        return config.model_copy(update={"experience_config": experience})

    def _journal_folder(self) -> Path:
        return self.folder / f"journals-{self._journals}"


def _context(config: TraderConfig) -> ContextBuilder:
    brief = config.context_config.model_copy(update=SHORT_PROMPT)
    return ContextBuilder(brief, config.risk_management)
