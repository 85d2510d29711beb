"""ExperienceLibrary: everything the past taught, kept in memory and recalled per decision."""

import logging
import math
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from llm_modules.config import ExperienceConfig
from llm_modules.domain import (
    ClosedTrade,
    Experience,
    Habit,
    Language,
    PastTrade,
    RunMode,
    Thesis,
)
from llm_modules.errors import JournalError
from llm_modules.journal.gist import TradeGist, gist_of
from llm_modules.journal.records import (
    DecisionLine,
    EntryThesis,
    LessonRecord,
    TradeRecord,
)
from llm_modules.learning.calibration import Calibration, calibration_sentence
from llm_modules.learning.decisions import DecisionMemory
from llm_modules.learning.evaluator import TradeEvaluator, hours_open
from llm_modules.learning.history import Edition, HistoricalQueryEngine, Period
from llm_modules.learning.last_answers import LastAnswers
from llm_modules.learning.lesson_memory import LessonMemory, lesson_sentence
from llm_modules.learning.patterns import PatternAnalyzer, pattern_sentence
from llm_modules.learning.quality import (
    DECISIONS_LOOKED_AT,
    TRADES_LOOKED_AT,
    DecisionQualityChecker,
)
from llm_modules.learning.reflection import SelfReflectionEngine
from llm_modules.learning.remembered import RememberedTrade, remembered
from llm_modules.learning.rewards import RewardLearningSystem, reward
from llm_modules.learning.sentences import similar_sentence, statistics_sentence
from llm_modules.learning.situation import situation
from llm_modules.learning.worded_lessons import WordedLessons
from llm_modules.learning.wording import learning_phrases

STATISTICS_DAYS = 30
# Enough for a rate per side in one line.
SIMILAR_TRADES = 5
# The newest decisions about a trade may all have failed before they saw the market.
LOOKED_BACK = 10
# No model is called so: its calibration is empty.
NOBODY = "-"

logger = logging.getLogger(__name__)


class _ByTrades(NamedTuple):
    """What closed trades taught about a pair and a model, worded."""

    trades: tuple[PastTrade, ...]
    statistics: tuple[str | None, ...]
    calibration: str | None
    rewards: str | None
    patterns: tuple[str, ...]


class ExperienceLibrary:
    """Learns from closed trades, notes decisions, and recalls both for the next decision.

    Called from one thread only; `knows` alone may be asked from another. `mode` is recorded with
    each trade; records of other modes are the caller's to leave out.
    """

    def __init__(
        self,
        config: ExperienceConfig,
        evaluator: TradeEvaluator,
        mode: RunMode,
        language: Language = "en",
    ) -> None:
        self._config = config
        self._evaluator = evaluator
        self._mode = mode
        self._phrases = learning_phrases(language)
        self._reflection = SelfReflectionEngine(self._phrases)
        self._history = HistoricalQueryEngine()
        self._patterns = PatternAnalyzer(self._history)
        self._calibration = self._history.up_to(Calibration)
        half_life = timedelta(days=config.lesson_half_life_days)
        self._lessons = self._history.up_to(partial(LessonMemory, half_life))
        self._worded = WordedLessons(language)
        self._decisions = DecisionMemory()
        self._quality = DecisionQualityChecker(self._phrases)
        self._habits: LastAnswers[tuple[Habit, ...]] = LastAnswers()
        self._by_trades: LastAnswers[_ByTrades] = LastAnswers()
        self._sentences: LastAnswers[str | None] = LastAnswers()
        self._pattern_sentences: LastAnswers[tuple[str, ...]] = LastAnswers()
        self._lesson_sentences: LastAnswers[tuple[str, ...]] = LastAnswers()
        # With the loop switched off nobody is told of rewards, and the file would go stale.
        keeps_rewards = config.enabled and config.reward_learning
        self._rewards = (
            RewardLearningSystem(self._history, _reward_path(config, mode), mode)
            if keeps_rewards
            else None
        )

    def load(
        self,
        trades: Iterable[TradeGist | LessonRecord],
        decisions: Iterable[DecisionLine],
    ) -> None:
        """Take in what the journals hold, once, at the start; writes the reward file once."""
        for line in trades:
            if isinstance(line, LessonRecord):
                self._worded.note(line)
            else:
                self._history.add(remembered(line))
        self._save_rewards()
        for decision in decisions:
            self.note(decision)

    def prepare(self, before: datetime) -> None:
        """Add up what had closed before a time, so that the first question need not wait for it.

        No later question may be about an earlier time: the sums would be begun again.
        """
        for sums in (self._patterns, self._calibration, self._lessons):
            sums.before(before)

    def learn(self, trade: ClosedTrade, at: datetime) -> TradeRecord | None:
        """Evaluate a closed trade, reflect on it, remember it, and return its record.

        None for a trade that is known already. A reward file that cannot be written is logged,
        not raised: it comes with the next trade, and this record must not be lost for it.
        """
        if self.knows(trade.trade_id, trade.opened_at):
            return None
        # Remembered before the file is written: the next prompt needs the lesson, not the file.
        record = self._recorded(trade, at)
        self._history.add(remembered(gist_of(record)))
        self._save_rewards()
        return record

    def note(self, line: DecisionLine) -> None:
        """Keep a decision, or what became of one, among the last of its pair; not a halt."""
        self._decisions.note(line)

    def note_wording(self, line: LessonRecord) -> None:
        """Keep the words a model found for the lesson of a trade."""
        self._worded.note(line)

    def habits(self, pair: str, before: datetime) -> tuple[Habit, ...]:
        """Return what the last decisions about a pair, made before a time, have in common."""

        def found() -> tuple[Habit, ...]:
            decisions = self._decisions.last(DECISIONS_LOOKED_AT, pair=pair, before=before)
            trades = self._history.recent(TRADES_LOOKED_AT, pair=pair, before=before)
            return self._quality.habits(decisions[::-1], trades[::-1], before)

        # Asked for the prompt and again for the gate, with the model's answer in between.
        question = self._decisions.noted(pair), self._history.edition(before), before
        return self._habits.of(pair, question, found)

    def knows(self, trade_id: int, opened_at: datetime) -> bool:
        """Tell whether a trade has been learnt; ids start anew with a new database."""
        return self._history.knows(trade_id, opened_at)

    def recall(self, pair: str, before: datetime, facts: Mapping[str, float]) -> Experience:
        """Return what was known of a pair strictly before a time, newest first.

        Only trades closed and decisions made before it count, and of a decision only the outcome
        that was known by then: a context built later for the same candle is the same. `facts` are
        the market's of now, to be compared with those of past entries. With `enabled` off nothing
        comes back.
        """
        if not self._config.enabled:
            return Experience()
        decisions = self._config.max_recent_decisions_context
        edition = self._history.edition(before)
        period = self._history.period(edition, before=before, days=STATISTICS_DAYS)
        model = self._decisions.model_of(pair, before)
        # While no trade closes, what the trades taught stays worded as it is.
        worded = self._by_trades.of(
            pair, (period, model), lambda: self._worded_trades(pair, before, period, model)
        )
        return Experience(
            trades=worded.trades,
            decisions=self._decisions.recent(decisions, pair=pair, before=before),
            statistics=self._statistics(worded, before, facts),
            patterns=worded.patterns,
            lessons=self._taught(pair, before, edition),
            habits=self.habits(pair, before),
        )

    def _save_rewards(self) -> None:
        if self._rewards is None:
            return
        try:
            self._rewards.save()
        except JournalError as error:
            logger.warning("Rewards are kept in memory for now: %s", error)

    def _worded_trades(
        self, pair: str, before: datetime, period: Period, model: str | None
    ) -> _ByTrades:
        (edition, _), rewards = period, self._rewards
        return _ByTrades(
            trades=tuple(map(_past_trade, self._recent_trades(pair, before))),
            statistics=(
                self._statistics_sentence("pair", pair, before),
                self._statistics_sentence("all", None, before),
            ),
            calibration=self._calibration_sentence(model, before, edition),
            rewards=rewards.sentence(self._phrases, pair, before) if rewards else None,
            patterns=self._pattern_sentences.of(None, edition, lambda: self._told(before)),
        )

    def _told(self, before: datetime) -> tuple[str, ...]:
        patterns = self._patterns.before(before)
        return tuple(pattern_sentence(pattern, self._phrases) for pattern in patterns)

    def _recent_trades(self, pair: str, before: datetime) -> tuple[RememberedTrade, ...]:
        count = self._config.max_recent_trades_context
        newest = self._history.recent(count, before=before)
        if not self._config.include_pair_specific_trades:
            return newest
        own = self._history.recent(count, pair=pair, before=before)
        # Fewer than `count` own trades are all there are, so the newest hold enough others.
        others = [trade for trade in newest if trade.pair != pair]
        return (*own, *others[: count - len(own)])

    def _statistics(
        self, worded: _ByTrades, before: datetime, facts: Mapping[str, float]
    ) -> tuple[str, ...]:
        near = self._history.similar(situation(facts), before=before, count=SIMILAR_TRADES)
        similar = similar_sentence(self._phrases, near)
        sentences = (*worded.statistics, similar, worded.calibration, worded.rewards)
        return tuple([sentence for sentence in sentences if sentence is not None])

    def _statistics_sentence(self, subject: str, pair: str | None, before: datetime) -> str | None:
        statistics = self._history.statistics(pair=pair, before=before, days=STATISTICS_DAYS)
        return self._sentences.of(
            (subject, pair),
            statistics,
            lambda: statistics_sentence(self._phrases, subject, statistics),
        )

    def _calibration_sentence(
        self, model: str | None, before: datetime, edition: Edition
    ) -> str | None:
        def sentence() -> str | None:
            # Another model's confidence says nothing about this one's.
            calibration = self._calibration.before(before).reliability(model=model or NOBODY)
            return calibration_sentence(self._phrases, calibration)

        return self._sentences.of("calibration", (edition, model), sentence)

    def _taught(self, pair: str, before: datetime, edition: Edition) -> tuple[str, ...]:
        """Return the lessons that stand, each with its evidence."""
        memory, count = self._lessons.before(before), self._config.max_lessons_context
        topics = memory.holding(pair, at=before, count=count)

        def told() -> tuple[str, ...]:
            text_of = partial(self._worded.text_of, before=before)
            lessons = memory.lessons(pair, at=before, count=count)
            return tuple(lesson_sentence(lesson, self._phrases, text_of) for lesson in lessons)

        # Evidence gets older with each candle, which no sentence tells.
        question = edition, topics, self._worded.edition(before)
        return self._lesson_sentences.of(pair, question, told)

    def _recorded(self, trade: ClosedTrade, at: datetime) -> TradeRecord:
        # Freqtrade does not know the market at the exit; the last decision about the trade saw it.
        trade = replace(trade, exit_facts=self._facts_at_exit(trade))
        evaluation = self._evaluator.evaluate(trade)
        classic = self._config.reward_formula == "classic"
        carried = _fields(trade)
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

    def _facts_at_exit(self, trade: ClosedTrade) -> dict[str, float]:
        """Return the market's facts at the last decision about a trade; it may have had none."""
        newest = self._decisions.last(LOOKED_BACK, pair=trade.pair, before=trade.closed_at)
        about_it = [
            decision
            for decision in newest
            # One that failed early saw no market.
            if decision.facts
            and decision.trade_id == trade.trade_id
            and decision.at >= trade.opened_at
        ]
        return _finite(about_it[0].facts) if about_it else {}


def _entry(thesis: Thesis | None) -> EntryThesis | None:
    if thesis is None:
        return None
    return EntryThesis.model_validate(_fields(thesis) | {"facts": _finite(thesis.facts)})


def _fields(fact: ClosedTrade | Thesis) -> dict[str, Any]:
    # Not `asdict`: it would copy deeply what the record made of them copies anyway.
    return {each.name: getattr(fact, each.name) for each in fields(fact)}


def _finite(facts: Mapping[str, float]) -> dict[str, float]:
    # A fact that is not a number would cost the whole record; facts without value are left out.
    return {name: value for name, value in facts.items() if math.isfinite(value)}


def _past_trade(trade: RememberedTrade) -> PastTrade:
    standing = tuple(finding.code for finding in trade.findings if finding.stands)
    return PastTrade(
        trade_id=trade.trade_id,
        pair=trade.pair,
        side=trade.side,
        leverage=trade.leverage,
        closed_at=trade.closed_at,
        profit_ratio=trade.profit_ratio,
        mfe_ratio=trade.mfe_ratio,
        mae_ratio=trade.mae_ratio,
        duration_hours=hours_open(trade),
        exit_reason=trade.exit_reason,
        grade=trade.grade,
        # Records of before there were findings hold a sentence, whoever ended the trade.
        taught=standing or tuple(filter(None, (trade.lesson,))) if trade.is_own else (),
    )


def _reward_path(config: ExperienceConfig, mode: RunMode) -> Path | None:
    # Written anew after each trade: of a past that is over in a minute nobody follows it.
    return None if mode == "backtest" else config.reward_path
