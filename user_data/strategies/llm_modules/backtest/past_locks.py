"""Freqtrade's locks of pairs in a run, each looked at until it has ended, not for ever after."""

from collections.abc import Sequence
from datetime import datetime

from freqtrade.persistence import PairLocks
from freqtrade.persistence.pairlock import PairLock


class PastLocks:
    """Finds in one run what `PairLocks` would, which looks through all it ever made each time."""

    def __init__(self) -> None:
        self._known = 0
        self._running: list[PairLock] = []

    def after(self, moment: datetime) -> Sequence[PairLock]:
        """Return the locks that end after a time, which never goes back."""
        made = PairLocks.locks
        running = [*self._running, *made[self._known :]]
        self._known = len(made)
        self._running = [lock for lock in running if lock.lock_end_time > moment]
        return [lock for lock in self._running if lock.active]
