"""ExperienceLibrary: everything the past taught, kept in memory and recalled per decision."""

import logging
import math
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import datetime
from functools import partial

from llm_modules.config import ExperienceConfig
from llm_modules.domain import ClosedTrade, Experience, Habit, PastTrade, RunMode, Thesis
from llm_modules.errors import JournalError
from llm_modules.journal.records import DecisionLine, DecisionRecord, EntryThesis, TradeRecord
from llm_modules.learning.decisions import DecisionMemory
from llm_modules.learning.evaluator import TradeEvaluator
from llm_modules.learning.history import HistoricalQueryEngine
from llm_modules.learning.pattern_memory import PatternMemory
from llm_modules.learning.patterns import PatternAnalyzer
from llm_modules.learning.quality import (
    DECISIONS_LOOKED_AT,
    TRADES_LOOKED_AT,
    DecisionQualityChecker,
)
from llm_modules.learning.reflection import SelfReflectionEngine
from llm_modules.learning.rewards import RewardLearningSystem, reward
from llm_modules.learning.sentences import statistics_sentence

STATISTICS_DAYS = 30

logger = logging.getLogger(__name__)

_Past = tuple[tuple[DecisionRecord, ...], tuple[TradeRecord, ...], datetime]


class ExperienceLibrary:
    """Learns from closed trades, notes decisions, and recalls both for the next decision.

    Called from one thread only; `knows` alone may be asked from another. `mode` is recorded with
    each trade; records of other modes are the caller's to leave out.
    """

    def __init__(self, config: ExperienceConfig, evaluator: TradeEvaluator, mode: RunMode) -> None:
        self._config = config
        self._evaluator = evaluator
        self._mode = mode
        self._reflection = SelfReflectionEngine()
        self._history = HistoricalQueryEngine()
        self._patterns = PatternMemory(self._history, PatternAnalyzer())
        self._decisions = DecisionMemory()
        self._quality = DecisionQualityChecker()
        self._habits: dict[str, tuple[_Past, tuple[Habit, ...]]] = {}
        self._rewards = RewardLearningSystem(config.reward_path) if config.reward_learning else None

    def load(
        self,
        trades: Iterable[TradeRecord],
        decisions: Iterable[DecisionLine],
    ) -> None:
        """Take in what the journals hold, once, at the start; writes the reward file once."""
        fresh = [record for record in trades if self._remember(record)]
        if self._rewards is not None:
            self._save(partial(self._rewards.rebuild, fresh))
        for line in decisions:
            self.note(line)

    def learn(self, trade: ClosedTrade, at: datetime) -> TradeRecord:
        """Evaluate a closed trade, reflect on it, remember it, and return its record.

        A trade learnt twice returns the first record. A reward file that cannot be written is
        logged, not raised: it comes with the next trade, and this record must not be lost for it.
        """
        known = self._history.get(trade.trade_id, trade.opened_at)
        if known is not None:
            return known
        # Remembered before the file is written: the next prompt needs the lesson, not the file.
        record = self._recorded(trade, at)
        self._remember(record)
        if self._rewards is not None:
            self._save(partial(self._rewards.add, record))
        return record

    def note(self, line: DecisionLine) -> None:
        """Keep a decision, or what became of one, among the last of its pair; not a halt."""
        self._decisions.note(line)

    def habits(self, pair: str, before: datetime) -> tuple[Habit, ...]:
        """Return what the last decisions about a pair, made before a time, have in common."""
        decisions = self._decisions.last(DECISIONS_LOOKED_AT, pair=pair, before=before)
        trades = self._history.recent(TRADES_LOOKED_AT, pair=pair, before=before)
        past = (decisions[::-1], trades[::-1], before)
        known = self._habits.get(pair)
        # Asked for the prompt and again for the gate, with the model's answer in between.
        if known is None or known[0] != past:
            known = self._habits[pair] = past, self._quality.habits(*past)
        return known[1]

    def knows(self, trade_id: int, opened_at: datetime) -> bool:
        """Tell whether a trade has been learnt; ids start anew with a new database."""
        return self._history.get(trade_id, opened_at) is not None

    def recall(self, pair: str, before: datetime) -> Experience:
        """Return what was known of a pair strictly before a time, newest first.

        Only trades closed and decisions made before it count, and of a decision only the outcome
        that was known by then: a context built later for the same candle is the same.
        """
        decisions = self._config.max_recent_decisions_context
        return Experience(
            trades=tuple(map(_past_trade, self._recent_trades(pair, before))),
            decisions=self._decisions.recent(decisions, pair=pair, before=before),
            statistics=self._statistics(pair, before),
            patterns=tuple(pattern.sentence for pattern in self._patterns.before(before)),
            habits=self.habits(pair, before),
        )

    def _remember(self, record: TradeRecord) -> bool:
        """Add a record to history and patterns; returns False for one already there."""
        if self.knows(record.trade_id, record.opened_at):
            return False
        self._history.add(record)
        self._patterns.add(record)
        return True

    def _save(self, write: Callable[[], None]) -> None:
        try:
            write()
        except JournalError as error:
            logger.warning("Rewards are kept in memory for now: %s", error)

    def _recent_trades(self, pair: str, before: datetime) -> tuple[TradeRecord, ...]:
        count = self._config.max_recent_trades_context
        newest = self._history.recent(count, before=before)
        if not self._config.include_pair_specific_trades:
            return newest
        own = self._history.recent(count, pair=pair, before=before)
        # Fewer than `count` own trades are all there are, so the newest hold enough others.
        others = [record for record in newest if record.pair != pair]
        return (*own, *others[: count - len(own)])

    def _statistics(self, pair: str, before: datetime) -> tuple[str, ...]:
        mine = self._history.statistics(pair=pair, before=before, days=STATISTICS_DAYS)
        everyone = self._history.statistics(pair=None, before=before, days=STATISTICS_DAYS)
        sentences = (
            statistics_sentence(f"This pair, last {STATISTICS_DAYS} days", mine),
            statistics_sentence(f"All pairs, last {STATISTICS_DAYS} days", everyone),
            self._rewards.sentence(pair, before) if self._rewards is not None else None,
        )
        return tuple(sentence for sentence in sentences if sentence is not None)

    def _recorded(self, trade: ClosedTrade, at: datetime) -> TradeRecord:
        evaluation = self._evaluator.evaluate(trade)
        classic = self._config.reward_formula == "classic"
        carried = asdict(trade)
        # The liquidation price serves the evaluation only; the thesis becomes the entry.
        del carried["liquidation_price"], carried["thesis"]
        return TradeRecord(
            **carried,
            at=at,
            mode=self._mode,
            entry=_entry(trade.thesis),
            evaluation=evaluation,
            reflection=self._reflection.reflect(trade, evaluation),
            reward=reward(trade.profit_ratio, evaluation.score, trade.leverage, classic=classic),
        )


def _entry(thesis: Thesis | None) -> EntryThesis | None:
    if thesis is None:
        return None
    # A fact that is not a number would cost the whole record; facts without value are left out.
    facts = {name: value for name, value in thesis.facts.items() if math.isfinite(value)}
    return EntryThesis.model_validate(asdict(thesis) | {"facts": facts})


def _past_trade(record: TradeRecord) -> PastTrade:
    return PastTrade(
        trade_id=record.trade_id,
        pair=record.pair,
        side=record.side,
        leverage=record.leverage,
        closed_at=record.closed_at,
        profit_ratio=record.profit_ratio,
        mfe_ratio=record.mfe_ratio,
        mae_ratio=record.mae_ratio,
        duration_hours=record.duration_hours,
        exit_reason=record.exit_reason,
        grade=record.evaluation.grade,
        lesson=next(iter(record.reflection.lessons), record.reflection.summary),
    )
