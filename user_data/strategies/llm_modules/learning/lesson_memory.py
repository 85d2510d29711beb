"""LessonMemory: what all closed trades together teach, with the evidence, and only while it holds.

Each trade supports or contradicts some lessons. What it says loses half its weight per half-life;
a lesson is told while more speaks for than against it, and forgotten when too little is left.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from itertools import dropwhile, islice, starmap
from math import floor, inf
from operator import attrgetter, itemgetter
from typing import NamedTuple

from llm_modules.domain import Side
from llm_modules.journal.records import Finding
from llm_modules.learning.lesson_rules import RULES
from llm_modules.learning.lessons import capped, is_tellable, word
from llm_modules.learning.remembered import RememberedTrade
from llm_modules.phrases import Phrases

# What a prompt quotes of a line at most.
LONGEST_TOLD = 300
LONGEST_SENTENCE = 240
# As many names as fit beside the sentence.
MOST_EVIDENCE = 3
# A quarter of a fresh trade: a lesson of a single trade is forgotten after two half-lives.
LEAST_FRACTION = 4
# Shorter ones would need numbers of megabytes, and no lesson would outlive a candle.
SHORTEST_HALF_LIFE = timedelta(hours=1)

_NEVER = datetime.max.replace(tzinfo=UTC)
_EPOCH = datetime(2015, 1, 1, tzinfo=UTC)
_FRACTION_BITS = 52
# A hash and eleven digits: no database counts further, only a damaged line.
_LONGEST_NAME = 12
_SIDES: tuple[Side, ...] = ("long", "short")
_RANK = {code: rank for rank, code in enumerate(RULES)}

TextOf = Callable[[int, datetime], str | None]


class Evidence(NamedTuple):
    """A trade that bore a lesson out, in the order of closing.

    `leads` when it was the first and so the costliest lesson of that trade.
    """

    closed_at: datetime
    opened_at: datetime
    trade_id: int
    leads: bool
    finding: Finding


@dataclass(frozen=True, slots=True)
class Lesson:
    """A lesson that holds, over all pairs: `n` trades bore it out, `against` did not.

    `evidence` are up to three of the newest that did, those of the asked pair first. `weight` is
    what is left of it, in fresh trades, the pair's own twice.
    """

    code: str
    side: Side
    n: int
    against: int
    first_seen: datetime
    last_seen: datetime
    evidence: tuple[Evidence, ...]
    weight: float


# Evidence and the newest trade of a pair as they are kept: a named tuple takes ten times as long to
# make, and nearly all that are made at a start have been replaced by its end.
_Evidence = tuple[datetime, datetime, int, bool, Finding]
_Newest = tuple[datetime, datetime, int, Side, tuple[str, ...]]


@dataclass(slots=True)
class _Tally:
    """What trades said of one lesson; support and contradiction as `_weight_at_close` counts."""

    support: int = 0
    contradiction: int = 0
    n: int = 0
    against: int = 0
    first_seen: datetime = _NEVER
    evidence: tuple[_Evidence, ...] = ()

    @property
    def left(self) -> int:
        """What speaks for the lesson less what speaks against it."""
        return self.support - self.contradiction

    def agree(self, evidence: _Evidence, weight: int) -> None:
        self.support += weight
        self.n += 1
        known = self.evidence
        # Trades arrive as they close, so a new one is nearly always the newest.
        if known and known[0][0] < evidence[0]:
            self.evidence = (evidence, *known[: MOST_EVIDENCE - 1])
            return
        self.first_seen = min(self.first_seen, evidence[0])
        ranked = sorted((evidence, *known), key=itemgetter(0, 1, 2), reverse=True)
        self.evidence = tuple(ranked[:MOST_EVIDENCE])

    def disagree(self, weight: int) -> None:
        self.contradiction += weight
        self.against += 1


_Tallies = defaultdict[str, _Tally]
_NO_TALLY = _Tally()
_NO_TALLIES: _Tallies = _Tallies(_Tally)


@dataclass(frozen=True)
class Topic:
    """One lesson about one side: over all pairs, and of the asked pair."""

    code: str
    side: Side
    whole: _Tally
    own: _Tally
    is_newest: bool

    @property
    def left(self) -> int:
        """What is left of the lesson, with the evidence of the asked pair counted twice."""
        # `whole` holds the pair's own evidence too: adding `own` counts it twice.
        return self.whole.left + self.own.left

    @property
    def rank(self) -> tuple[bool, int, int, Side]:
        """The order of telling, largest first."""
        return self.is_newest, self.left, -_RANK[self.code], self.side

    @cached_property
    def evidence(self) -> tuple[Evidence, ...]:
        """Up to three trades that bore the lesson out, the asked pair's first; empty: untellable.

        Looked for once: with the next trade there are other topics.
        """
        mine, whole = self.own.evidence, self.whole.evidence
        newest = *mine, *(one for one in whole if one not in mine)
        # The first is quoted, the others are only named.
        quotable = dropwhile(lambda one: not is_tellable(one.finding), starmap(Evidence, newest))
        return tuple(islice(quotable, MOST_EVIDENCE))


class _Held(NamedTuple):
    """The first `most` topics that hold while a fresh trade weighs above one and up to another."""

    topics: tuple[Topic, ...]
    most: int
    above: int
    up_to: float

    @classmethod
    def of(cls, ranked: Iterable[Topic], fresh: int, count: int) -> "_Held":
        """Look through topics in the order of telling, until there are `count` that hold."""
        topics: list[Topic] = []
        above, up_to = -1, inf
        for topic in ranked:
            if len(topics) == count:
                break
            # Age is judged by support alone: contradiction makes a lesson doubtful, not old.
            heaviest = LEAST_FRACTION * topic.whole.support
            if heaviest < fresh:
                above = max(above, heaviest)
            elif topic.evidence:
                topics.append(topic)
                up_to = min(up_to, heaviest)
        return cls(tuple(topics), count, above, up_to)


class LessonMemory:
    """Adds up what trades teach, in any order with the same result; see `timeline.Sum`.

    Size and cost of a question grow with lessons and pairs, never with trades. `half_life` is the
    age at which evidence counts half, at least an hour.
    """

    def __init__(self, half_life: timedelta) -> None:
        self._half_life = max(half_life, SHORTEST_HALF_LIFE)
        self._whole: dict[Side, _Tallies] = {side: _Tallies(_Tally) for side in _SIDES}
        self._of_pair: dict[tuple[str, Side], _Tallies] = {}
        self._newest: dict[str, _Newest] = {}
        # Of each pair asked about, until the next trade.
        self._held: dict[str, _Held] = {}

    def add(self, trade: RememberedTrade) -> None:
        """Take in a trade; one that was not the model's own to end teaches nothing."""
        if not trade.is_own:
            return
        self._held.clear()
        closed = trade.closed_at, trade.opened_at, trade.trade_id
        weight = _weight_at_close(trade.closed_at, self._half_life)
        whole, own = self._whole[trade.side], self._own(trade.pair, trade.side)
        # One finding per lesson, whatever a file held; of codes that are not ours, none.
        said = {finding.code: finding for finding in trade.findings if finding.code in _RANK}
        standing: list[str] = []
        for code, finding in said.items():
            if finding.stands:
                evidence = (*closed, not standing, finding)
                standing.append(code)
                whole[code].agree(evidence, weight)
                own[code].agree(evidence, weight)
            else:
                whole[code].disagree(weight)
                own[code].disagree(weight)
        known = self._newest.get(trade.pair)
        if known is None or known[0] < closed[0] or known[:3] <= closed:
            self._newest[trade.pair] = (*closed, trade.side, tuple(standing))

    def lessons(self, pair: str, *, at: datetime, count: int) -> tuple[Lesson, ...]:
        """Return the lessons that hold at a time: those of the pair's newest trade first.

        Then by weight, then by importance. `at` is not before any trade that was added.
        """
        fresh = _weight_at_close(at, self._half_life)
        return tuple(_lesson(topic, fresh) for topic in self.holding(pair, at=at, count=count))

    def holding(self, pair: str, *, at: datetime, count: int) -> tuple[Topic, ...]:
        """Return what those lessons are about: one object until a trade or age changes it."""
        fresh = _weight_at_close(at, self._half_life)
        held = self._held.get(pair)
        if held is None or held.most != count or not held.above < fresh <= held.up_to:
            held = self._held[pair] = _Held.of(self._ranked(pair), fresh, count)
        return held.topics

    def _own(self, pair: str, side: Side) -> _Tallies:
        known = self._of_pair.get((pair, side))
        if known is None:
            known = self._of_pair[pair, side] = _Tallies(_Tally)
        return known

    def _ranked(self, pair: str) -> Sequence[Topic]:
        undoubted = [topic for topic in self._topics(pair) if topic.whole.left > 0]
        return sorted(undoubted, key=attrgetter("rank"), reverse=True)

    def _topics(self, pair: str) -> Iterator[Topic]:
        newest = self._newest.get(pair)
        for side, tallies in self._whole.items():
            own = self._of_pair.get((pair, side), _NO_TALLIES)
            taught = newest[4] if newest is not None and newest[3] == side else ()
            for code, whole in tallies.items():
                yield Topic(code, side, whole, own.get(code, _NO_TALLY), code in taught)


def lesson_sentence(lesson: Lesson, phrases: Phrases, text_of: TextOf) -> str:
    """Tell a lesson and its evidence in at most 240 characters, and a model's words after it.

    `text_of` knows how a model worded what a trade taught; that is told where this lesson was the
    trade's first. The evidence is for our sentence alone: a model may have said anything.
    """
    newest = lesson.evidence[0]
    sentence = word(newest.finding, phrases, _name(newest))
    worded = text_of(newest.trade_id, newest.opened_at) if newest.leads else None
    proof = phrases(
        "lessons.proof",
        n=lesson.n,
        all=lesson.n + lesson.against,
        first=f"{lesson.first_seen.astimezone(UTC):%m-%d}",
        last=f"{lesson.last_seen.astimezone(UTC):%m-%d}",
        trades=" ".join(map(_name, lesson.evidence)),
    )
    told = capped(sentence, LONGEST_SENTENCE - len(proof)) + proof
    if worded is None:
        return told
    return capped(told + phrases("lessons.worded", text=worded), LONGEST_TOLD)


def _name(evidence: Evidence) -> str:
    return f"#{evidence.trade_id}"[:_LONGEST_NAME]


# All pairs are asked about at the time of one candle.
@lru_cache(maxsize=16)
def _weight_at_close(at: datetime, half_life: timedelta) -> int:
    """Return the weight of a trade closed at a time, against one closed in 2015.

    It doubles with every half-life, so that a quotient of two weights is what is left of the older
    one. Integers, because they add up to the same in any order and never overflow; a trade of long
    before 2015 weighs nothing.
    """
    half_lives = (at - _EPOCH) / half_life
    whole = floor(half_lives)
    weight = int(2 ** (half_lives - whole) * 2**_FRACTION_BITS)
    return weight << whole if whole >= 0 else weight >> -whole


def _lesson(topic: Topic, fresh: int) -> Lesson:
    return Lesson(
        code=topic.code,
        side=topic.side,
        n=topic.whole.n,
        against=topic.whole.against,
        first_seen=topic.whole.first_seen,
        last_seen=topic.whole.evidence[0][0],
        evidence=topic.evidence,
        weight=topic.left / fresh,
    )
