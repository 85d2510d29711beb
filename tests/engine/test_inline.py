"""Decisions made while Freqtrade waits: at once, in order, and with nothing swallowed."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from builders import a_question
from llm_modules.engine.inline import InlineService
from llm_modules.engine.question import Question

ETH = "ETH/USDT:USDT"


class Work:
    """Decides a group, and notes in which order things happen."""

    def __init__(self, error: Exception | None = None) -> None:
        self.done: list[str] = []
        self.error = error

    async def decide(
        self, questions: tuple[Question, ...], decided: Callable[[Question], None]
    ) -> None:
        await asyncio.sleep(0)
        if self.error:
            raise self.error
        for question in questions:
            self.done.append(question.pair)
            decided(question)

    def undecided(self, question: Question, fault: str) -> None:
        raise AssertionError(f"{question.pair} was given up: {fault}")

    async def close(self) -> None:
        self.done.append("closed")


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def service(work: Work) -> Iterator[InlineService]:
    service = InlineService(work.decide, work.undecided, work.close)
    service.start()
    yield service
    assert service.stop()
    assert work.done[-1] == "closed"


def test_every_question_is_decided_when_the_call_returns(
    service: InlineService, work: Work
) -> None:
    service.ask([a_question(), a_question(pair=ETH)])
    assert work.done == [a_question().pair, ETH]
    assert service.is_alive


def test_where_nothing_is_asked_nothing_runs(service: InlineService, work: Work) -> None:
    service.ask([])
    assert work.done == []


def test_an_error_in_deciding_is_the_callers(service: InlineService, work: Work) -> None:
    work.error = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        service.ask([a_question()])
    work.error = None
    service.ask([a_question()], together=True)
    assert work.done == [a_question().pair]


def test_short_and_waiting_work_is_done_at_once_and_in_turn(
    service: InlineService, work: Work
) -> None:
    async def learn() -> None:
        await asyncio.sleep(0)
        work.done.append("learnt")

    service.spawn(learn, "Learning")
    service.soon(lambda: work.done.append("noted"), "Noting")
    assert work.done == ["learnt", "noted"]


def test_errors_in_such_work_are_the_callers(service: InlineService) -> None:
    async def learn() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        service.spawn(learn, "Learning")
    with pytest.raises(ZeroDivisionError):
        service.soon(lambda: 1 // 0, "Dividing")


def test_what_an_interruption_left_under_way_ends_before_the_connections_close(work: Work) -> None:
    service = InlineService(work.decide, work.undecided, work.close)

    async def waits() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            work.done.append("cancelled")
            raise

    async def is_interrupted() -> None:
        under_way.append(asyncio.ensure_future(waits()))
        await asyncio.sleep(0)
        raise KeyboardInterrupt

    under_way: list[asyncio.Future[None]] = []
    with pytest.raises(KeyboardInterrupt):
        service.spawn(is_interrupted, "Asking")
    service.stop()
    assert under_way[0].cancelled()
    assert work.done == ["cancelled", "closed"]
