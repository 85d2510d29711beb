"""Which failures a run got over, as it is noted on the tape."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from costs import an_expense
from llm_modules.dialogue import Inquiry
from llm_modules.errors import JournalError, ProviderError
from llm_modules.llm import aftermath as module
from llm_modules.llm.aftermath import Aftermath
from llm_modules.llm.tape import Tape


class Noting(Tape):
    """A tape that only remembers what was outlived; it may be broken."""

    def __init__(self) -> None:
        super().__init__(Path("nowhere"))
        self.outlived: list[list[str]] = []
        self.is_broken = False

    def outlive(self, tape_ids: Iterable[str]) -> None:
        if self.is_broken:
            raise JournalError("the disk is full")
        self.outlived.append(list(tape_ids))


def an_aftermath(tape: Tape, *played: str) -> Aftermath:
    return Aftermath(tape, played.__contains__)


def made(inquiry: Inquiry, *attempts: str | None) -> None:
    """Add attempts by their ids; those that begin with F failed."""
    for name in attempts:
        fault = "server_error: Oops" if name is None or name.startswith("F") else None
        inquiry.expenses.append(an_expense(tape_id=name, fault=fault))


@contextmanager
def given_up(after: Aftermath, *attempts: str | None) -> Iterator[None]:
    """A question that comes to nothing; what is within happens while it is asked."""
    inquiry = Inquiry()
    with suppress(ProviderError), after.asking(inquiry):
        made(inquiry, *attempts)
        yield
        raise ProviderError("server_error", "Oops")


def answered(after: Aftermath, *attempts: str | None) -> None:
    inquiry = Inquiry()
    with after.asking(inquiry):
        made(inquiry, *attempts)


def test_what_failed_before_the_answer_was_outlived() -> None:
    tape = Noting()
    answered(an_aftermath(tape), "F1", "F2", "A3")
    assert tape.outlived == [["F1", "F2"]]


def test_without_failures_nothing_is_written() -> None:
    tape = Noting()
    answered(an_aftermath(tape), "A1")
    assert tape.outlived == []


def test_what_was_given_up_was_outlived_by_an_answer_to_a_later_question() -> None:
    tape = Noting()
    after = an_aftermath(tape)
    with given_up(after, "F1"):
        pass
    assert tape.outlived == []
    answered(after, "A2")
    answered(after, "A3")
    assert tape.outlived == [["F1"]]


def test_an_answer_to_what_was_asked_before_shows_nothing() -> None:
    """All pairs of a candle are asked about at once: the run may yet end with it."""
    tape = Noting()
    after = an_aftermath(tape)
    with given_up(after, "F1"):
        answered(after, "F2", "A3")
    assert tape.outlived == [["F2"]]
    first = Inquiry()
    with after.asking(first):
        with given_up(after, "F4"):
            pass
        made(first, "A5")
    assert tape.outlived == [["F2"], ["F1"]]
    answered(after, "A6")
    assert tape.outlived == [["F2"], ["F1"], ["F4"]]


def test_a_question_that_is_cut_off_was_given_up() -> None:
    tape = Noting()
    after, inquiry = an_aftermath(tape), Inquiry()
    with suppress(KeyboardInterrupt), after.asking(inquiry):
        made(inquiry, "F1")
        raise KeyboardInterrupt
    assert tape.outlived == []
    answered(after, "A2")
    assert tape.outlived == [["F1"]]


def test_earlier_requests_of_the_same_inquiry_are_another_questions() -> None:
    tape, inquiry = Noting(), Inquiry()
    made(inquiry, "F1")
    with an_aftermath(tape).asking(inquiry):
        made(inquiry, "A2")
    assert tape.outlived == []


def test_what_was_played_or_is_on_no_tape_is_not_written() -> None:
    tape = Noting()
    answered(an_aftermath(tape, "F1"), "F1", None, "A2")
    assert tape.outlived == []


def test_a_tape_that_cannot_be_written_costs_only_the_note() -> None:
    tape = Noting()
    tape.is_broken = True
    answered(an_aftermath(tape), "F1", "A2")
    assert tape.outlived == []


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_GIVEN_UP", 2)
    tape = Noting()
    after = an_aftermath(tape)
    for name in ("F1", "F2", "F3"):
        with given_up(after, name):
            pass
    answered(after, "A4")
    assert tape.outlived == [["F2", "F3"]]
