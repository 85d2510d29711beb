"""What came after a failure: whether its run went on, which a run that is resumed has to know.

A failure that the run got over is part of its way: with an answer in its place everything after
it would be another question. One that the run ended with is only what is still to be asked.
"""

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from llm_modules.dialogue import Inquiry
from llm_modules.errors import JournalError
from llm_modules.llm.tape import Tape

# A bot whose model is gone for days waits for an answer that long.
MOST_GIVEN_UP = 10_000


class Aftermath:
    """Tells the tape which of the recorded failures were outlived; used on one event loop.

    Those of a question that got its reply are, and those of one that was given up as soon as a
    question that was asked later gets one. `is_played` tells of a failure that it is an old one.
    """

    def __init__(self, tape: Tape, is_played: Callable[[str], bool]) -> None:
        self._tape = tape
        self._is_played = is_played
        self._moments = itertools.count()
        self._given_up: deque[tuple[int, str]] = deque(maxlen=MOST_GIVEN_UP)

    @contextmanager
    def asking(self, inquiry: Inquiry) -> Iterator[None]:
        """Watch a question that is asked within; what it raises is passed on."""
        begun, earlier, is_answered = next(self._moments), len(inquiry.expenses), False
        try:
            yield
            is_answered = True
        finally:
            failed = self._failed(inquiry, earlier)
            if is_answered:
                self._outlived([*self._given_up_before(begun), *failed])
            else:
                over = next(self._moments)
                self._given_up.extend((over, one) for one in failed)

    def _failed(self, inquiry: Inquiry, earlier: int) -> list[str]:
        return [
            one.tape_id
            for one in inquiry.expenses[earlier:]
            if one.fault is not None and one.tape_id is not None
            if not self._is_played(one.tape_id)
        ]

    def _given_up_before(self, begun: int) -> Iterator[str]:
        """Take what was given up before a question was asked; the oldest come first."""
        while self._given_up and self._given_up[0][0] < begun:
            yield self._given_up.popleft()[1]

    def _outlived(self, tape_ids: list[str]) -> None:
        # Where the tape cannot be written the recorder says so.
        with suppress(JournalError):
            if tape_ids:
                self._tape.outlive(tape_ids)
