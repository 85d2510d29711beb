"""RewardLearningSystem: one number per closed trade, and its trend in reward_learning.json.

The file is a view for people, derived from the trade journal: it is written anew after each
trade and never read back, so a damaged one does no harm.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from llm_modules.domain import RunMode, Side
from llm_modules.errors import JournalError
from llm_modules.learning.exact import mean, ratio, total, units
from llm_modules.learning.history import HistoricalQueryEngine
from llm_modules.learning.remembered import RememberedTrade
from llm_modules.phrases import Phrases
from llm_modules.whole_files import put_in_place

SCHEMA_VERSION = 1
# Enough for a trend, and a file that is still written in about a millisecond.
KEPT_REWARDS = 1000
SHORT_RUN = 10
LONG_RUN = 50
SIDES: tuple[Side, ...] = ("long", "short")

# Up to and including so much leverage, as specified.
_LEVERAGE_FACTORS = ((5.0, 1.0), (10.0, 1.1), (20.0, 1.2))
_HIGHEST_FACTOR = 1.3


def reward(profit_ratio: float, score: float, leverage: float, *, classic: bool = False) -> float:
    """Return profit_ratio x quality x leverage factor; +12.5 %, score 85, 10x give +0.1169.

    Quality is score / 100. For a loss it is 1 - score / 100, so that a well-traded loss costs
    less than a careless one; `classic` uses score / 100 for losses too, as first specified.
    """
    quality = score / 100
    if profit_ratio < 0 and not classic:
        quality = 1 - quality
    return profit_ratio * quality * leverage_factor(leverage)


def leverage_factor(leverage: float) -> float:
    """Return 1.0 up to 5x, 1.1 up to 10x, 1.2 up to 20x and 1.3 above."""
    return next(
        (factor for highest, factor in _LEVERAGE_FACTORS if leverage <= highest), _HIGHEST_FACTOR
    )


class RewardLearningSystem:
    """Tells how the last 1,000 rewards of a history developed, to the model and in a file.

    It keeps no rewards of its own, so that a question about an earlier time finds those of that
    time. Without a path no file is written. Called from one thread only.
    """

    def __init__(self, history: HistoricalQueryEngine, path: Path | None, mode: RunMode) -> None:
        self._history = history
        self._path = path
        self._mode = mode
        self._last = history.last(KEPT_REWARDS, RewardTally)

    def save(self) -> None:
        """Replace the file by one about the history as it is now.

        Raises JournalError when it cannot be written; what is missing comes with the next file.
        """
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            put_in_place(self._path, orjson.dumps(self._document()).decode())
        except OSError as error:
            raise JournalError(f"cannot write {self._path}: {error.strerror}") from error

    def sentence(self, phrases: Phrases, pair: str, before: datetime) -> str | None:
        """Say in one line how rewards developed, over trades closed strictly before a time.

        None while there is no reward. The mean of a side of this pair is named where there is one.
        """
        last = self._last.before(before)
        if not last.n:
            return None
        newest = self._history.recent(LONG_RUN, before=before)
        # Oldest first, so that the last ten are the end of the list.
        line = _line(phrases, last, [trade.reward for trade in reversed(newest)])
        groups = [(side, one) for side in SIDES if (one := last.groups.get((pair, side)))]
        sides = [
            phrases(f"statistics.rewards.{side}", mean=_short(mean(amount, n)), n=n)
            for side, (n, amount) in groups
        ]
        own = phrases("statistics.rewards.pair", sides=", ".join(sides)) if sides else ""
        return line + own

    def _document(self) -> dict[str, Any]:
        trades = self._history.newest(KEPT_REWARDS)[::-1]
        return {
            "schema": SCHEMA_VERSION,
            "mode": self._mode,
            "all": summary([trade.reward for trade in trades]),
            "pairs": {
                pair: {side: summary(rewards) for side, rewards in sides.items()}
                for pair, sides in _by_pair_and_side(trades).items()
            },
            "rewards": list(map(_row, trades)),
        }


class RewardTally:
    """Rewards in all and per pair and side, as number and sum; sums are units of `exact`."""

    def __init__(self) -> None:
        self.n = 0
        self.sum = 0
        self.groups: dict[tuple[str, str], tuple[int, int]] = {}

    def add(self, trade: RememberedTrade) -> None:
        """Count one more reward."""
        self._count(trade, 1)

    def remove(self, trade: RememberedTrade) -> None:
        """Count a reward no more."""
        self._count(trade, -1)

    def _count(self, trade: RememberedTrade, by: int) -> None:
        amount = by * units(trade.reward)
        self.n += by
        self.sum += amount
        group = trade.pair, trade.side
        n, known = self.groups.pop(group, (0, 0))
        # Put back only while it holds something: a side without trades has no mean.
        if n + by:
            self.groups[group] = n + by, known + amount


def _line(phrases: Phrases, last: RewardTally, rewards: Sequence[float]) -> str:
    # A mean of the last 50 over no more than 10 would say the same thing twice.
    scope = "many" if len(rewards) > SHORT_RUN else "few"
    return phrases(
        f"statistics.rewards.{scope}",
        n=last.n,
        sum=_short(ratio(last.sum)),
        mean=_short(mean(last.sum, last.n)),
        long_run=LONG_RUN,
        long=_short(_mean_of(rewards)),
        short_run=SHORT_RUN,
        short=_short(_mean_of(rewards[-SHORT_RUN:])),
        trend=phrases(f"statistics.rewards.{trend(rewards)}"),
    )


def summary(rewards: Sequence[float]) -> dict[str, float]:
    """Return number, sum, mean, and the means of the last 10 and 50 rewards, oldest first."""
    return {
        "n": len(rewards),
        "cumulative": total(rewards),
        "mean": _mean_of(rewards),
        "mean_10": _mean_of(rewards[-SHORT_RUN:]),
        "mean_50": _mean_of(rewards[-LONG_RUN:]),
    }


def trend(rewards: Sequence[float]) -> str:
    """Return rising or falling when the mean of the last 10 left that of the last 50, else flat.

    It has left it beyond one standard error of ten such rewards: less is what chance does.
    """
    rewards = rewards[-LONG_RUN:]
    usual = _mean_of(rewards)
    moved = _mean_of(rewards[-SHORT_RUN:]) - usual
    variance = _mean_of([(one - usual) * (one - usual) for one in rewards])
    if moved * moved * SHORT_RUN <= variance:
        return "flat"
    return "rising" if moved > 0 else "falling"


def _mean_of(rewards: Sequence[float]) -> float:
    return total(rewards) / len(rewards) if rewards else 0.0


def _short(number: float) -> str:
    return f"{number:+.3g}"


def _by_pair_and_side(trades: Sequence[RememberedTrade]) -> dict[str, dict[str, list[float]]]:
    groups: dict[str, dict[str, list[float]]] = {}
    for trade in trades:
        groups.setdefault(trade.pair, {}).setdefault(trade.side, []).append(trade.reward)
    return groups


def _row(trade: RememberedTrade) -> dict[str, Any]:
    return {
        "trade_id": trade.trade_id,
        "closed_at": trade.closed_at,
        "pair": trade.pair,
        "side": trade.side,
        "reward": trade.reward,
    }
