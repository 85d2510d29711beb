"""ConductLedger: how the account fared lately, for the checks that look back."""

import math
from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from llm_modules.domain import Conduct

ENTRY_WINDOW = timedelta(hours=1)

_Identity = tuple[int, datetime]


@dataclass(frozen=True, slots=True, order=True)
class Close:
    """One closed trade, ordered by its close; `profit_ratio` is leveraged and after fees."""

    closed_at: datetime
    trade_id: int
    opened_at: datetime
    pair: str
    profit_ratio: float


class ConductLedger:
    """Keeps openings and closes; fed in any order, it says the same.

    Everything in it can be told again from Freqtrade's database or the trade journal, so that a
    new ledger knows what the old one knew. A close in its turn costs the same however many there
    were; one that comes late or again costs a look back. Called from Freqtrade's thread only.
    """

    def __init__(self) -> None:
        self._opened: dict[_Identity, datetime] = {}
        self._closes: dict[_Identity, Close] = {}
        self._in_order: list[Close] = []
        self._wins = _Sum()
        self._losses = _Sum()
        self._last_losses: dict[str, datetime] = {}
        self._loss_streak = 0

    def opened(self, trade_id: int, opened_at: datetime) -> None:
        """Take note of an entry; being told again changes nothing."""
        self._opened[trade_id, opened_at] = opened_at

    def closed(self, close: Close) -> None:
        """Take note of a closed trade; told again, with a late fee in it, it replaces the first.

        A profit that is no number is left out: it would spoil every mean after it.
        """
        self.opened(close.trade_id, close.opened_at)
        if not math.isfinite(close.profit_ratio):
            return
        identity = close.trade_id, close.opened_at
        known = self._closes.get(identity)
        if known == close:
            return
        if known is not None:
            self._withdraw(known)
        self._closes[identity] = close
        self._enter(close)

    def at(self, now: datetime) -> Conduct:
        """Return the conduct as of a moment; openings older than an hour are forgotten."""
        since = now - ENTRY_WINDOW
        self._opened = {key: at for key, at in self._opened.items() if at > since}
        trades = len(self._in_order)
        return Conduct(
            entries=tuple(sorted(self._opened.values())),
            # A copy: other threads go on reading what they were given.
            last_losses=dict(self._last_losses),
            loss_streak=self._loss_streak,
            last_loss_at=max(self._last_losses.values(), default=None),
            closed_trades=trades,
            win_rate=self._wins.n / trades if trades else 0.0,
            mean_win_ratio=self._wins.mean(),
            mean_loss_ratio=self._losses.mean(),
        )

    def _enter(self, close: Close) -> None:
        if close.profit_ratio > 0:
            self._wins.count(close.profit_ratio, 1)
        if close.profit_ratio < 0:
            self._losses.count(-close.profit_ratio, 1)
            known = self._last_losses.get(close.pair, close.closed_at)
            self._last_losses[close.pair] = max(known, close.closed_at)
        if self._in_order and close < self._in_order[-1]:
            insort(self._in_order, close)
            self._loss_streak = _loss_streak(self._in_order)
        else:
            self._in_order.append(close)
            self._loss_streak = self._loss_streak + 1 if close.profit_ratio < 0 else 0

    def _withdraw(self, close: Close) -> None:
        """Undo `_enter` for a close that is about to be told anew."""
        del self._in_order[bisect_left(self._in_order, close)]
        if close.profit_ratio > 0:
            self._wins.count(close.profit_ratio, -1)
        if close.profit_ratio < 0:
            self._losses.count(-close.profit_ratio, -1)
            self._forget_loss(close)
        # Counted anew: a changed profit may join two streaks, or part one.
        self._loss_streak = _loss_streak(self._in_order)

    def _forget_loss(self, close: Close) -> None:
        # The pair's last loss is another one, and stays.
        if self._last_losses[close.pair] != close.closed_at:
            return
        del self._last_losses[close.pair]
        for earlier in reversed(self._in_order):
            if earlier.pair == close.pair and earlier.profit_ratio < 0:
                self._last_losses[close.pair] = earlier.closed_at
                return


class _Sum:
    """Profits counted in and out; as fractions, because a float would keep a rest of each."""

    def __init__(self) -> None:
        self.n = 0
        self._sum = Fraction()

    def count(self, profit_ratio: float, by: int) -> None:
        """Count a profit in (1) or out (-1)."""
        self.n += by
        self._sum += by * Fraction(profit_ratio)

    def mean(self) -> float:
        """Return the mean, 0 of nothing."""
        return float(self._sum / self.n) if self.n else 0.0


def _loss_streak(closes: Sequence[Close]) -> int:
    streak = 0
    for close in reversed(closes):
        if close.profit_ratio >= 0:
            break
        streak += 1
    return streak
