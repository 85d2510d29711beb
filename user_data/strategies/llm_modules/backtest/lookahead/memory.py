"""Proof (c): memory speaks only of what had closed, or was said, before the candle."""

from collections import deque
from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from llm_modules.backtest.lookahead.breaches import Breaches
from llm_modules.backtest.lookahead.contexts import is_among_last, questions
from llm_modules.backtest.lookahead.differences import text_of
from llm_modules.backtest.lookahead.ground import Ground
from llm_modules.backtest.lookahead.hearing import Listener
from llm_modules.backtest.lookahead.stamps import stamps_in
from llm_modules.backtest.outcome import Moment
from llm_modules.backtest.settings import applied, settings_of
from llm_modules.dialogue import Prompt
from llm_modules.domain import Experience
from llm_modules.engine.cycle import Rooms, look
from llm_modules.engine.question import Question
from llm_modules.errors import MarketDataError
from llm_modules.journal.gist import gist_of
from llm_modules.journal.records import DecisionLine, TradeRecord
from llm_modules.learning.evaluator import TradeEvaluator
from llm_modules.learning.experience import ExperienceLibrary

LineT = TypeVar("LineT")


class MemoryProof(Listener):
    """Recalls everything a second time, from a library that was told nothing too early.

    `recalls` counts what was compared, `stamps` the reasons that were found in prompts.
    """

    def __init__(self, ground: Ground, breaches: Breaches, folder: Path, last: int | None) -> None:
        self.recalls = self.stamps = 0
        self._ground = ground
        self._breaches = breaches
        self._last = last
        self._honest = _library(ground, folder)
        self._trades: deque[TradeRecord] = deque()
        self._lines: deque[DecisionLine] = deque()

    def prompted(self, at: datetime, decision_id: str, prompt: Prompt) -> None:
        """Demand that every reason in a prompt was given before its candle."""
        said = stamps_in(text_of(prompt))
        self.stamps += len(said)
        late = [one for one in said if one >= at]
        if late:
            self._tell(f"{decision_id} at {_utc(at)} quotes what was said at {_utc(late[0])}")

    def decided(self, line: DecisionLine) -> None:
        """Keep a line until its time has passed."""
        self._lines.append(line)

    def learnt(self, at: datetime, record: TradeRecord) -> None:
        """Keep a trade until its time has passed; demand that it has."""
        self._trades.append(record)
        if record.closed_at >= at:
            closed = _utc(record.closed_at)
            self._tell(f"trade {record.trade_id}, closed at {closed}, was learnt at {_utc(at)}")

    def stood(self, moment: Moment, rooms: Rooms) -> None:
        """Compare all that is recalled at this candle with what an honest library recalls."""
        trades = list(_before(self._trades, "closed_at", moment.at))
        lines = list(_before(self._lines, "at", moment.at))
        if trades or lines:
            self._honest.load([gist_of(trade) for trade in trades], lines)
        if not is_among_last(moment, self._last):
            return
        ground = self._ground
        for question in questions(ground, ground.recorded, moment.at, rooms.world()).values():
            found = self._difference(question, rooms)
            if found is not None:
                self._tell(f"{question.pair} at {_utc(moment.at)}: {found}")

    def _difference(self, question: Question, rooms: Rooms) -> str | None:
        try:
            snapshot = look(question, rooms).snapshot
        except MarketDataError:
            # Without a market nothing is recalled.
            return None
        facts = {"price": snapshot.price, **snapshot.facts}
        asked = (question.pair, question.candle_at, facts)
        recalled, honest = rooms.library.recall(*asked), self._honest.recall(*asked)
        self.recalls += 1
        return _too_early(recalled, question.candle_at) or _different(recalled, honest)

    def _tell(self, text: str) -> None:
        self._breaches.add("c", text)


def _library(ground: Ground, folder: Path) -> ExperienceLibrary:
    """Return a library like that of the run, which knows nothing yet."""
    folder.mkdir(parents=True, exist_ok=True)
    config = applied(ground.trader, settings_of(ground.config))
    # It keeps its rewards beside these trades, not beside the run's.
    own = {"trade_log_path": str(folder / "trade_experience.jsonl")}
    experience = config.experience_config.model_copy(update=own)
    evaluator = TradeEvaluator(config.risk_management.max_leverage)
    return ExperienceLibrary(experience, evaluator, "backtest", config.context_config.language)


def _before(waiting: deque[LineT], name: str, at: datetime) -> Iterator[LineT]:
    """Take the lines whose time lies strictly before a candle."""
    while waiting and getattr(waiting[0], name) < at:
        yield waiting.popleft()


def _too_early(recalled: Experience, at: datetime) -> str | None:
    """Name a trade or decision that no memory can have at this candle."""
    for trade in recalled.trades:
        if trade.closed_at >= at:
            return f"trade {trade.trade_id} is recalled, which closes at {_utc(trade.closed_at)}"
    for decision in recalled.decisions:
        if decision.at >= at:
            return f"a decision of {_utc(decision.at)} is recalled"
    return None


def _different(recalled: Experience, honest: Experience) -> str | None:
    """Name the first thing that is recalled and that an honest memory does not have."""
    for field in fields(Experience):
        known, true = getattr(recalled, field.name), getattr(honest, field.name)
        if known != true:
            odd = [one for one in known if one not in true] or ["nothing"]
            return f"{field.name}: recalled is {odd[0]!r}, known by then was {list(true)!r}"
    return None


def _utc(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
