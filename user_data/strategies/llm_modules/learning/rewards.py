"""RewardLearningSystem: one number per closed trade, and its trend in reward_learning.json.

The file is a view for people, derived from the trade journal: it is written anew after each
trade and never read back, so a damaged one does no harm.
"""

import math
import os
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from llm_modules.domain import RunMode, Side
from llm_modules.errors import JournalError
from llm_modules.journal.records import TradeRecord

SCHEMA_VERSION = 1
# Enough for a trend, and a file that is still written in about a millisecond.
KEPT_REWARDS = 1000

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


@dataclass(frozen=True, slots=True)
class _Entry:
    """The reward of one trade, as a row of the file."""

    trade_id: int
    closed_at: datetime
    mode: RunMode
    pair: str
    side: Side
    reward: float


class RewardLearningSystem:
    """Keeps the last 1,000 rewards and writes them to a file; without a path, in memory only.

    It trusts the caller to hand in each trade once. Called from one thread only.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._entries: deque[_Entry] = deque(maxlen=KEPT_REWARDS)

    def add(self, record: TradeRecord) -> None:
        """Keep the reward of one more trade and replace the file.

        Raises JournalError when it cannot be written; the reward is kept and comes with the next
        file.
        """
        # Kept before it is written: what memory holds must not depend on the state of a disk.
        self._entries.append(_entry(record))
        self._write()

    def rebuild(self, records: Iterable[TradeRecord]) -> None:
        """Forget everything, take the newest of these trades, and write the file once.

        Raises JournalError like `add`.
        """
        ordered = sorted(records, key=lambda record: (record.closed_at, record.trade_id))
        self._entries.clear()
        self._entries.extend(map(_entry, ordered[-KEPT_REWARDS:]))
        self._write()

    def sentence(self, pair: str, before: datetime | None = None) -> str | None:
        """Say in one line how rewards developed, over trades closed before a time (None: all).

        None while there is no reward. The mean of a side of this pair is named where there is one.
        """
        known = [item for item in self._entries if before is None or item.closed_at < before]
        if not known:
            return None
        trend = summary([item.reward for item in known])
        line = (
            f"Rewards of the last {trend['n']} trades: sum {trend['cumulative']:+.3g}, mean "
            f"{trend['mean']:+.3g}, of the last 10 {trend['mean_10']:+.3g}, "
            f"of the last 50 {trend['mean_50']:+.3g}"
        )
        groups = _by_pair_and_side(item for item in known if item.pair == pair).get(pair, {})
        sides = [
            f"{side} {summary(rewards)['mean']:+.3g} (n={len(rewards)})"
            for side, rewards in sorted(groups.items())
        ]
        return f"{line}; this pair {', '.join(sides)}." if sides else f"{line}."

    def _write(self) -> None:
        if self._path is None:
            return
        try:
            _replace(self._path, orjson.dumps(self._document()))
        except OSError as error:
            raise JournalError(f"cannot write {self._path}: {error.strerror}") from error

    def _document(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA_VERSION,
            "all": summary([item.reward for item in self._entries]),
            "pairs": {
                pair: {side: summary(rewards) for side, rewards in sides.items()}
                for pair, sides in _by_pair_and_side(self._entries).items()
            },
            "rewards": list(self._entries),
        }


def summary(rewards: Sequence[float]) -> dict[str, float]:
    """Return number, sum, mean, and the means of the last 10 and 50 rewards, oldest first."""
    return {
        "n": len(rewards),
        "cumulative": math.fsum(rewards),
        "mean": _mean(rewards),
        "mean_10": _mean(rewards[-10:]),
        "mean_50": _mean(rewards[-50:]),
    }


def _mean(rewards: Sequence[float]) -> float:
    return math.fsum(rewards) / len(rewards) if rewards else 0.0


def _by_pair_and_side(entries: Iterable[_Entry]) -> dict[str, dict[Side, list[float]]]:
    groups: dict[str, dict[Side, list[float]]] = {}
    for item in entries:
        groups.setdefault(item.pair, {}).setdefault(item.side, []).append(item.reward)
    return groups


def _entry(record: TradeRecord) -> _Entry:
    return _Entry(
        trade_id=record.trade_id,
        closed_at=record.closed_at,
        mode=record.mode,
        pair=record.pair,
        side=record.side,
        reward=record.reward,
    )


def _replace(path: Path, content: bytes) -> None:
    """Replace a file in one step: a crash leaves the old file or the new one, nothing between."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # In the same folder, because a file can be replaced in one step within a file system only.
    fresh = path.with_name(f"{path.name}.tmp")
    with fresh.open("wb") as file:
        file.write(content)
        file.flush()
        # A name that points to content not yet on disk would be an empty file after a power cut.
        os.fsync(file.fileno())
    fresh.replace(path)
