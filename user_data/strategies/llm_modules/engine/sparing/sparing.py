"""Sparing: whether a question need not be asked, from what was asked and answered before.

Nothing here reads a clock: all times are candles', so a backtest and a restarted bot decide the
same. All it knows comes from journal lines, one at a time, as they are written.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from llm_modules.config import AskingConfig
from llm_modules.domain import MarketSnapshot, Stance
from llm_modules.engine.question import Question
from llm_modules.engine.sparing.levels import is_beyond_a_level
from llm_modules.engine.sparing.likeness import (
    price_change_pct,
    same_market,
    same_position,
    same_size,
)
from llm_modules.journal.records import DecisionLine, DecisionRecord
from llm_modules.market.timeframes import duration_ms

# Ten days of 30m candles.
MOST_STATES = 500
QUIET_TOOLS: Mapping[Stance, str] = {"flat": "signal_wait", "in_position": "signal_hold"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Skip:
    """Why a question is not asked; `repeats` names the decision that goes on counting, if any."""

    why: str
    repeats: str | None = None


@dataclass(slots=True)
class _Asked:
    """What was asked about a pair: the newest decision, and the quiet ones since a louder one."""

    newest: DecisionRecord | None = None
    quiet: deque[DecisionRecord] = field(default_factory=lambda: deque(maxlen=MOST_STATES))


@dataclass(frozen=True, slots=True)
class _Present:
    """A question as it is compared: `candle` counts candles of its timeframe since 1970."""

    question: Question
    facts: Mapping[str, float]
    timeframe: str
    span: timedelta

    @property
    def candle(self) -> int:
        return (self.question.candle_at - _EPOCH) // self.span

    def candles_since(self, earlier: DecisionRecord) -> int:
        return self.candle - (earlier.candle_at - _EPOCH) // self.span


class Sparing:
    """Decides which questions are not asked; called from one thread only.

    A quiet decision is one to wait or hold that passed the gate as it was. Anything else, failures
    too, is louder: until the next quiet one, every candle that has its turn is asked about.
    """

    def __init__(self, config: AskingConfig) -> None:
        self._config = config
        self._asks_every_time = config.asks_every_time
        self._pairs: defaultdict[str, _Asked] = defaultdict(_Asked)

    def load(self, lines: Iterable[DecisionLine]) -> None:
        """Take in what the journal holds, oldest first."""
        for line in lines:
            self.note(line)

    def note(self, line: DecisionLine) -> None:
        """Take in a line of the decision journal; what was not asked changes nothing."""
        if not isinstance(line, DecisionRecord) or line.status == "skipped":
            return
        asked = self._pairs[line.pair]
        asked.newest = line
        if _is_quiet(line):
            asked.quiet.append(line)
        else:
            asked.quiet.clear()

    def reason_to_skip(self, question: Question, snapshot: MarketSnapshot) -> Skip | None:
        """Return why a question need not be asked, None when it is to be asked."""
        if self._asks_every_time:
            return None
        timeframe = snapshot.main.timeframe
        facts = {"price": snapshot.price, **snapshot.facts}
        span = timedelta(milliseconds=duration_ms(timeframe))
        present = _Present(question, facts, timeframe, span)
        asked = self._pairs[question.pair]
        return self._out_of_turn(present, asked.newest) or self._repeated(present, asked)

    def _out_of_turn(self, present: _Present, newest: DecisionRecord | None) -> Skip | None:
        """Return a skip unless this candle has its turn, or the pair cannot wait for it."""
        question, every = present.question, self._every(present)
        if present.candle % every == 0 or newest is None or newest.status == "failed":
            return None
        position = question.position
        # Opened, changed or closed since.
        if not same_size(newest, position):
            return None
        # The model wanted something about it that has not happened.
        if position is not None and not _is_quiet(newest):
            return None
        stance = question.stance.replace("_", " ")
        return Skip(f"cadence: asked every {every} candles while {stance}")

    def _repeated(self, present: _Present, asked: _Asked) -> Skip | None:
        """Return a skip when a quiet decision about a like state still counts."""
        if not asked.quiet or not self._may_be_silent(present, asked.quiet[-1]):
            return None
        newest = asked.quiet[-1]
        if self._config.skip_unchanged and self._is_alike(newest, present):
            return _skip("unchanged", newest, present)
        for earlier in self._cached(present, asked):
            if self._is_alike(earlier, present):
                return _skip("cached", earlier, present)
        return None

    def _may_be_silent(self, present: _Present, newest: DecisionRecord) -> bool:
        """Tell whether silence is short enough, the position the same and no level reached."""
        position, price = present.question.position, present.facts["price"]
        since = present.candles_since(newest)
        # Not asked now, the pair has its next turn only `every` candles later.
        silence = since + self._every(present) - 1
        if since <= 0 or silence > self._config.longest_silence_candles:
            return False
        if not same_size(newest, position):
            return False
        then = newest.facts.get("price", price)
        return position is None or not is_beyond_a_level(position, then, price)

    def _cached(self, present: _Present, asked: _Asked) -> Iterator[DecisionRecord]:
        """Yield the decisions that count for `cache_minutes`, newest first."""
        oldest = present.question.candle_at - timedelta(minutes=self._config.cache_minutes)
        return (record for record in reversed(asked.quiet) if record.candle_at >= oldest)

    def _is_alike(self, earlier: DecisionRecord, present: _Present) -> bool:
        return (
            earlier.timeframe == present.timeframe
            and same_position(earlier, present.question.position, self._config)
            and same_market(earlier.facts, present.facts, self._config)
        )

    def _every(self, present: _Present) -> int:
        if present.question.position is None:
            return self._config.flat_every_candles
        return self._config.in_position_every_candles


def _is_quiet(record: DecisionRecord) -> bool:
    return record.status == "approved" and record.tool == QUIET_TOOLS[record.stance]


def _skip(kind: str, earlier: DecisionRecord, present: _Present) -> Skip:
    moved_pct = price_change_pct(earlier.facts, present.facts)
    since = earlier.candle_at.astimezone(UTC)
    return Skip(
        f"{kind}: price {moved_pct:+.2f} % since {since:%Y-%m-%dT%H:%M:%SZ}", earlier.decision_id
    )
