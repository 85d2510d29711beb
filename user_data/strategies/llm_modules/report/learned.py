"""What the trades taught, with the evidence: which trades bear a lesson out, which contradict it.

Lessons and patterns are those of all trades of the mode until the end of the report, because that
is what the model is told; figures of the days alone stand elsewhere.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from llm_modules.domain import Side
from llm_modules.journal.records import TradeKey
from llm_modules.learning.condition_counts import ConditionCounts
from llm_modules.learning.lesson_memory import Lesson, LessonMemory, lesson_sentence
from llm_modules.learning.lesson_rules import RULES
from llm_modules.learning.patterns import Pattern, patterns_in
from llm_modules.learning.remembered import RememberedTrade
from llm_modules.learning.wording import learning_phrases
from llm_modules.report.span import Span

# No pair has this name: the lessons are those over all pairs, by weight alone.
NO_PAIR = ""
Topic = tuple[str, Side]


@dataclass(slots=True)
class Evidence:
    """The trades that bore a lesson out, and those that contradicted it: numbers, oldest first."""

    support: list[int] = field(default_factory=list)
    against: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Learned:
    """What holds as the model would be told it, and the evidence of every lesson ever drawn."""

    lessons: tuple[tuple[Lesson, str], ...]
    evidence: Mapping[Topic, Evidence]
    patterns: tuple[Pattern, ...]
    own_trades: int

    @property
    def retired(self) -> tuple[tuple[Topic, Evidence], ...]:
        """Lessons that were drawn and do not hold, most evidence first."""
        holding = {(lesson.code, lesson.side) for lesson, _ in self.lessons}
        others = [(topic, one) for topic, one in self.evidence.items() if topic not in holding]
        others.sort(key=lambda item: (-len(item[1].support) - len(item[1].against), item[0]))
        return tuple(others)


def learned(
    trades: Iterable[RememberedTrade],
    worded: Mapping[TradeKey, str],
    span: Span,
    half_life: timedelta,
) -> Learned:
    """Take in all trades in the order of their closing and return what they teach together."""
    memory, counts = LessonMemory(half_life), ConditionCounts()
    evidence: defaultdict[Topic, Evidence] = defaultdict(Evidence)
    for trade in trades:
        memory.add(trade)
        counts.add(trade)
        _weigh(trade, evidence)

    def text_of(trade_id: int, opened_at: datetime) -> str | None:
        return worded.get((span.mode, trade_id, opened_at))

    phrases = learning_phrases("en")
    lessons = memory.lessons(NO_PAIR, at=span.until, count=2 * len(RULES))
    told = tuple((one, lesson_sentence(one, phrases, text_of)) for one in lessons)
    return Learned(told, dict(evidence), patterns_in(counts), counts.n)


def _weigh(trade: RememberedTrade, evidence: Mapping[Topic, Evidence]) -> None:
    """Note what a trade says of each lesson, as `LessonMemory` counts it."""
    if not trade.is_own:
        return
    for code, finding in {one.code: one for one in trade.findings if one.code in RULES}.items():
        of = evidence[code, trade.side]
        (of.support if finding.stands else of.against).append(trade.trade_id)
