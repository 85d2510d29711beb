"""LastAnswers: what was answered under each key, given again while the question is the same.

From candle to candle hardly anything of the past changes, while wording it takes most of the time.
"""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class LastAnswers(Generic[Answer]):
    """Keeps one answer per key; there may be no more kinds of key than pairs and sentences."""

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[object, Answer]] = {}

    def of(self, key: Hashable, question: object, answer: Callable[[], Answer]) -> Answer:
        """Return the answer to a question that decides it wholly, made only where it is new."""
        known = self._known.get(key)
        # A tuple finds equal by being one object first, which spares comparing long contents.
        if known is None or (known[0],) != (question,):
            known = self._known[key] = question, answer()
        return known[1]
