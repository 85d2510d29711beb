import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from builders import PAIR, a_question
from llm_modules.engine.guard import contained, guarded
from llm_modules.engine.question import Question
from llm_modules.engine.service import DecisionService

ETH = "ETH/USDT:USDT"


class Work:
    """A decision that takes a while, and notes what happened to it."""

    def __init__(self, seconds: float = 0.0, error: Exception | None = None) -> None:
        self.seconds = seconds
        self.error = error
        self.begun: list[str] = []
        self.decided: list[str] = []
        self.groups: list[int] = []
        # How many questions of a group are decided before the rest takes its time.
        self.at_once = 0
        self.late_error: Exception | None = None
        self.failed: list[tuple[str, str]] = []
        self.threads: set[str] = set()
        self.closed = False

    async def decide(
        self, questions: tuple[Question, ...], decided: Callable[[Question], None]
    ) -> None:
        self.threads.add(threading.current_thread().name)
        self.begun += [question.pair for question in questions]
        if self.error is not None:
            raise self.error
        for question in questions[: self.at_once]:
            self.decided.append(question.pair)
            decided(question)
        await asyncio.sleep(self.seconds)
        if self.late_error is not None:
            raise self.late_error
        for question in questions[self.at_once :]:
            self.decided.append(question.pair)
            decided(question)
        self.groups.append(len(questions))

    def undecided(self, question: Question, fault: str) -> None:
        self.failed.append((question.pair, fault))

    async def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for a minute is cancelled long before; two seconds may pass on a busy machine."""
    monkeypatch.setattr("llm_modules.engine.service.STOP_SECONDS", 30.0)


@contextmanager
def running(work: Work) -> Iterator[DecisionService]:
    service = DecisionService(work.decide, work.undecided, work.close)
    service.start()
    try:
        yield service
    finally:
        assert service.stop()


def wait_for(condition: object, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:  # type: ignore[operator]
        time.sleep(0.005)
    assert condition()  # type: ignore[operator]


def test_pairs_are_decided_side_by_side_on_one_other_thread() -> None:
    work = Work(seconds=60)
    with running(work) as service:
        service.ask([a_question(pair=f"P{number}") for number in range(20)])
        wait_for(lambda: len(work.begun) == 20)
        assert work.decided == []
    assert work.threads == {"llm-decisions"}
    assert {fault.partition(":")[0] for _, fault in work.failed} == {"aborted"}


def test_asking_nothing_is_allowed() -> None:
    work = Work()
    with running(work) as service:
        service.ask([])
    assert work.decided == []


def test_a_newer_question_of_a_pair_cancels_the_older() -> None:
    work = Work(seconds=60)
    with running(work) as service:
        service.ask([a_question(), a_question(pair=ETH)])
        wait_for(lambda: len(work.begun) == 2)
        work.seconds = 0
        service.ask([a_question()])
        wait_for(lambda: bool(work.decided))
        assert work.decided == ["BTC/USDT:USDT"]
        assert [pair for pair, _ in work.failed] == ["BTC/USDT:USDT"]
    assert work.failed[0][1].startswith("aborted")


def test_an_error_in_one_decision_is_reported_and_the_others_go_on() -> None:
    work = Work(error=KeyError("oops"))
    with running(work) as service:
        service.ask([a_question()])
        wait_for(lambda: bool(work.failed))
        work.error = None
        service.ask([a_question()])
        wait_for(lambda: bool(work.decided))
    assert work.failed == [("BTC/USDT:USDT", "internal: KeyError")]


def test_stopping_cancels_what_is_under_way() -> None:
    work = Work(seconds=60)
    with running(work) as service:
        service.ask([a_question(pair=f"P{number}") for number in range(50)])
        wait_for(lambda: len(work.begun) == 50)
        assert service.stop()
    assert len(work.failed) == 50
    assert work.closed


def test_stopping_twice_or_before_starting_is_harmless() -> None:
    work = Work()
    service = DecisionService(work.decide, work.undecided, work.close)
    assert service.stop()
    with running(work) as started:
        assert started.stop()


def test_short_work_runs_on_the_thread_and_its_errors_stay_there(
    caplog: pytest.LogCaptureFixture,
) -> None:
    done: list[str] = []
    with running(Work()) as service:
        service.soon(lambda: 1 / 0, "Dividing")
        service.soon(lambda: done.append(threading.current_thread().name), "Noting")
        wait_for(lambda: bool(done))
    assert done == ["llm-decisions"]
    assert "Dividing failed" in caplog.text


def test_work_that_waits_lets_others_go_on_and_its_errors_stay_there(
    caplog: pytest.LogCaptureFixture,
) -> None:
    done: list[str] = []

    async def patient() -> None:
        while not done:  # noqa: ASYNC110 - what it waits for comes from another thread
            await asyncio.sleep(0.001)
        done.append("patient")

    async def broken() -> None:
        await asyncio.sleep(0)
        raise KeyError("oops")

    with running(Work()) as service:
        service.spawn(patient, "Waiting")
        service.spawn(broken, "Breaking")
        service.soon(lambda: done.append("quick"), "Noting")
        wait_for(lambda: len(done) == 2)
        wait_for(lambda: not service._background)
    assert done == ["quick", "patient"]
    assert "Breaking failed" in caplog.text


def test_stopping_cancels_work_that_waits() -> None:
    begun: list[str] = []
    ended: list[str] = []

    async def endless() -> None:
        begun.append("waiting")
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    with running(Work()) as service:
        service.spawn(endless, "Waiting")
        wait_for(lambda: bool(begun))
    assert ended == ["cancelled"]


def test_work_handed_in_before_the_stop_is_still_done() -> None:
    done: list[int] = []
    with running(Work()) as service:
        for number in range(100):
            service.soon(lambda number=number: done.append(number), "Noting")  # type: ignore[misc]
    assert done == list(range(100))


def test_a_guarded_callback_answers_its_default_and_logs_the_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @guarded("safe")
    def callback(value: int) -> str:
        return str(1 // value)

    assert callback(1) == "1"
    with caplog.at_level(logging.ERROR):
        assert callback(0) == "safe"
    assert "callback failed" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert callback.__name__ == "callback"


def test_containment_keeps_the_error() -> None:
    with contained("A test") as outcome:
        raise ValueError("inside")
    assert isinstance(outcome.error, ValueError)


def test_containment_lets_cancellation_through() -> None:
    with pytest.raises(asyncio.CancelledError), contained("A test"):
        raise asyncio.CancelledError


def test_questions_asked_together_are_decided_together() -> None:
    work = Work()
    with running(work) as service:
        service.ask([a_question(), a_question(pair=ETH)], together=True)
        wait_for(lambda: len(work.decided) == 2)
    assert work.groups == [2]


def test_a_newer_question_of_one_pair_cancels_the_whole_group() -> None:
    work = Work(seconds=60)
    with running(work) as service:
        service.ask([a_question(), a_question(pair=ETH)], together=True)
        wait_for(lambda: len(work.begun) == 2)
        work.seconds = 0
        service.ask([a_question(pair=ETH)])
        wait_for(lambda: len(work.decided) == 1)
    assert work.groups == [1]
    aborted = "aborted: the bot stopped or the next candle came first"
    assert work.failed == [(PAIR, aborted), (ETH, aborted)]


def test_a_question_that_is_replaced_before_it_begins_is_told_too() -> None:
    work = Work()
    service = DecisionService(work.decide, work.undecided, work.close)
    # Before the thread runs, so that the newer one is there in time.
    service.ask([a_question()])
    service.ask([a_question()])
    service.start()
    wait_for(lambda: bool(work.decided))
    assert service.stop()
    assert (work.begun, work.decided) == ([PAIR], [PAIR])
    assert [pair for pair, _ in work.failed] == [PAIR]


def test_a_group_that_fails_is_told_pair_by_pair() -> None:
    work = Work(error=KeyError("x"))
    with running(work) as service:
        service.ask([a_question(), a_question(pair=ETH)], together=True)
        wait_for(lambda: len(work.failed) == 2)
    assert work.failed == [(PAIR, "internal: KeyError"), (ETH, "internal: KeyError")]


def test_of_a_group_that_is_cut_off_only_the_rest_ended_without_a_decision() -> None:
    work = Work(seconds=30)
    work.at_once = 1
    with running(work) as service:
        service.ask([a_question(), a_question(pair=ETH)], together=True)
        wait_for(lambda: work.decided == [PAIR])
    assert [pair for pair, _ in work.failed] == [ETH]


def test_of_a_group_that_fails_what_was_decided_stays_decided() -> None:
    work = Work()
    work.at_once, work.late_error = 1, KeyError("x")
    with running(work) as service:
        service.ask([a_question(), a_question(pair=ETH)], together=True)
        wait_for(lambda: work.failed)
    assert (work.decided, work.failed) == ([PAIR], [(ETH, "internal: KeyError")])


def test_what_ends_does_not_hide_the_newer_question_of_its_pair() -> None:
    work = Work(seconds=30)
    with running(work) as service:
        service.ask([a_question(), a_question(pair=ETH)], together=True)
        service.ask([a_question(pair=ETH)])
        wait_for(lambda: len(work.failed) == 2)
        service.ask([a_question(pair=ETH)])
        wait_for(lambda: len(work.failed) == 3)
