"""RandomScript: makes drafted trades through the gate, whatever the market does."""

from collections import deque
from datetime import datetime, timedelta

import numpy as np

from llm_modules.backtest.baselines.calls import Order, entry, leave
from llm_modules.backtest.baselines.drafts import SIDES, Draft, Model, drafted
from llm_modules.backtest.baselines.script import Scene
from llm_modules.domain import OpenPosition, Side
from llm_modules.journal.records import DecisionLine, OutcomeRecord
from llm_modules.tools.calls import ToolCall

# A refused entry is tried again so many candles later at most, and so often in all.
LONGEST_DELAY = 12
MOST_TRIES = 20
ENTRIES = frozenset({"signal_entry_long", "signal_entry_short"})


class _Course:
    """How far the trades of one pair are: the drafts that are left, and when to leave."""

    def __init__(self, drafts: list[Draft]) -> None:
        self.left = deque(drafts)
        self.tries = 0
        self.leave_at: datetime | None = None
        self._next_try: datetime | None = None

    def is_due(self, at: datetime) -> bool:
        """Tell whether the next draft is to be tried; one that was tried too often is given up."""
        if self.tries >= MOST_TRIES:
            self._next()
        return bool(self.left) and at >= (self._next_try or self.left[0].at)

    def tried(self, later: datetime) -> None:
        """Try again at a later candle, unless it is filled now."""
        self.tries += 1
        self._next_try = later

    def opened(self, at: datetime, span: timedelta) -> None:
        """Take the draft that was filled."""
        self.leave_at = at + self.left[0].candles * span
        self._next()

    def _next(self) -> None:
        self.left.popleft()
        self.tries, self._next_try = 0, None


class RandomScript:
    """Enters and leaves at random; the same seed makes the same trades.

    `made` counts the entries that were filled. What the gate refuses, or Freqtrade does not fill,
    is drawn again at a later candle on a side of chance, at most 20 times in all.
    """

    def __init__(self, model: Model, seed: int) -> None:
        self.made = 0
        self._generator = np.random.default_rng(seed)
        self._span = model.span
        drafts = drafted(model, self._generator)
        self._courses = {pair: _Course(drafts[pair]) for pair in drafts}
        self._now = model.start

    def asks(self, pair: str, at: datetime, position: OpenPosition | None) -> bool:
        """Tell whether the pair's next draft, or the end of its trade, has come."""
        self._now = at
        course = self._courses.get(pair)
        if course is None:
            return False
        if position is not None:
            return course.leave_at is not None and at >= course.leave_at
        return course.is_due(at)

    def decide(self, scene: Scene) -> ToolCall:
        """Enter as drafted, or leave."""
        if scene.position is not None:
            return leave(scene)
        course = self._courses[scene.snapshot.pair]
        draft = course.left[0]
        side: Side = SIDES[int(self._generator.integers(2))] if course.tries else draft.side
        delay = int(self._generator.integers(1, LONGEST_DELAY + 1))
        course.tried(self._now + delay * self._span)
        return entry(scene, _order(draft, side, scene.snapshot.price))

    def heard(self, line: DecisionLine) -> None:
        """Take note of what was filled."""
        if isinstance(line, OutcomeRecord) and line.outcome == "filled" and line.tool in ENTRIES:
            self.made += 1
            self._courses[line.pair].opened(self._now, self._span)


def _order(draft: Draft, side: Side, price: float) -> Order:
    stop = None
    if draft.stop_ratio is not None:
        away = price * draft.stop_ratio
        stop = price - away if side == "long" else price + away
    return Order(side, draft.leverage, draft.stake_amount, stop)
