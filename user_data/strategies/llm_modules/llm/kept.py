"""What was made of the newest things is kept, as long as the very same things come again."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

# Rules, tools and settings of several stances and models, and the newest messages.
MOST_KEPT = 64
_Result = TypeVar("_Result")


class KeptByIdentity(Generic[_Result]):
    """Makes something of things that nobody changes, once as long as those come again soon.

    To look a thing up by what it says would mean to read all of it.
    """

    def __init__(self) -> None:
        # Each with its things, so that no others get their ids; the oldest goes first.
        self._kept: dict[tuple[int, ...], tuple[tuple[Any, ...], _Result]] = {}

    def of(self, things: tuple[Any, ...], make: Callable[[], _Result]) -> _Result:
        """Return what was made of these things; `make` depends on nothing else."""
        key = tuple(map(id, things))
        known = self._kept.get(key)
        if known is None:
            known = self._kept[key] = things, make()
            if len(self._kept) > MOST_KEPT:
                del self._kept[next(iter(self._kept))]
        return known[1]
