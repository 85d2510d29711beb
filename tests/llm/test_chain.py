import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOON, PAIR, a_prompt
from fakes import answering
from llm_modules.dialogue import Expense, Inquiry, Prompt, Reply, Usage
from llm_modules.errors import ProviderError, ProviderFault
from llm_modules.llm.chain import ModelChain

TIMEOUT = ProviderError("timeout", "no complete answer within 20 s")
REPLY = answering("signal_wait")


class Watch:
    def __init__(self) -> None:
        self.now = 100.0


class FakeLink:
    """A model that takes its time and then answers or fails; it never takes more than its share."""

    def __init__(
        self, model: str, outcome: Reply | Exception, watch: Watch, takes: float = 1.0
    ) -> None:
        self.model = model
        self.outcome = outcome
        self.watch = watch
        self.takes = takes
        self.shares: list[float] = []
        self.asked_models: list[str | None] = []
        self.closed = False

    async def ask(
        self, prompt: Prompt, inquiry: Inquiry, *, seconds: float, model: str | None = None
    ) -> Reply:
        self.shares.append(seconds)
        self.asked_models.append(model)
        self.watch.now += min(self.takes, seconds)
        inquiry.expenses.append(Expense(NOON, "fake", self.model, self.takes, Usage()))
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return replace(self.outcome, model=self.model)

    async def close(self) -> None:
        self.closed = True


class Overdue(FakeLink):
    """One that does not keep to its share."""

    async def ask(
        self, prompt: Prompt, inquiry: Inquiry, *, seconds: float, model: str | None = None
    ) -> Reply:
        return await super().ask(prompt, inquiry, seconds=seconds * 2, model=model)


def links(
    *outcomes: Reply | Exception, takes: float = 1.0, watch: Watch | None = None
) -> list[FakeLink]:
    shared = watch or Watch()
    named = zip("abcdef", outcomes, strict=False)
    return [FakeLink(name, outcome, shared, takes) for name, outcome in named]


def asked(
    chain: Sequence[FakeLink], *, model: str | None = None, inquiry: Inquiry | None = None
) -> Reply:
    watch = chain[0].watch
    client = ModelChain(chain, 60.0, lambda: watch.now)
    return asyncio.run(client.ask(a_prompt(), inquiry, model=model))


def asked_until(chain: Sequence[FakeLink], until: float) -> Reply:
    """Ask within 60 s from 100 on, or until a moment."""
    return asked(chain, inquiry=Inquiry(PAIR, until=until))


def error_of(chain: Sequence[FakeLink], *, model: str | None = None) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        asked(chain, model=model)
    return caught.value


def test_the_first_that_answers_is_the_last_that_is_asked() -> None:
    chain = links(REPLY, REPLY)
    assert asked(chain).model == "a"
    assert chain[1].shares == []


@pytest.mark.parametrize(
    "fault",
    sorted(set(get_args(ProviderFault)) - {"over_budget"}),
)
def test_whatever_the_first_fails_with_the_next_is_asked(fault: ProviderFault) -> None:
    chain = links(ProviderError(fault, "no"), ProviderError(fault, "no"), REPLY)
    assert asked(chain).model == "c"


def test_when_the_budget_is_spent_nobody_else_is_asked() -> None:
    chain = links(TIMEOUT, ProviderError("over_budget", "10 USD are spent"), REPLY)
    error = error_of(chain)
    assert (error.fault, str(error)) == ("over_budget", "10 USD are spent")
    assert chain[2].shares == []


def test_each_may_take_an_equal_share_of_what_is_left() -> None:
    chain = links(TIMEOUT, TIMEOUT, TIMEOUT, takes=1000.0)
    error_of(chain)
    assert [link.shares for link in chain] == [[20.0], [20.0], [20.0]]


def test_what_one_leaves_over_is_shared_by_the_others() -> None:
    chain = links(TIMEOUT, TIMEOUT, REPLY, takes=6.0)
    asked(chain)
    assert [link.shares for link in chain] == [[20.0], [27.0], [48.0]]


def test_alone_it_may_take_all_the_time() -> None:
    chain = links(REPLY)
    asked(chain)
    assert chain[0].shares == [60.0]


def test_nobody_is_asked_once_the_time_is_over() -> None:
    watch = Watch()
    chain = [Overdue("a", TIMEOUT, watch, 60.0), FakeLink("b", REPLY, watch)]
    assert error_of(chain) is TIMEOUT
    assert chain[1].shares == []


def test_one_that_fails_alone_fails_in_its_own_words() -> None:
    assert error_of(links(TIMEOUT)) is TIMEOUT


def test_the_last_error_names_the_faults_of_all() -> None:
    chain = links(TIMEOUT, ProviderError("unavailable", "let be"), ProviderError("rejected", "404"))
    error = error_of(chain)
    assert error.fault == "rejected"
    assert str(error) == "404 (c; before it: a timeout, b unavailable)"


def test_on_a_tape_only_the_last_one_misses() -> None:
    missing = ProviderError("not_on_tape", "never asked")
    assert asked(links(missing, REPLY)).model == "b"
    assert error_of(links(missing, missing)).fault == "not_on_tape"


def test_who_was_not_waited_for_then_is_not_waited_for_now() -> None:
    abandoned = TimeoutError("abandoned: nothing had come back")
    chain = links(abandoned, TIMEOUT)
    assert str(error_of(chain)).endswith("(b; before it: a timeout)")
    for alone in (links(abandoned), links(TIMEOUT, abandoned)):
        with pytest.raises(TimeoutError, match="abandoned"):
            asked(alone)


def test_a_model_that_is_named_is_asked_of_the_first_server_alone() -> None:
    chain = links(TIMEOUT, REPLY)
    assert error_of(chain, model="cheap") is TIMEOUT
    assert (chain[0].asked_models, chain[0].shares) == (["cheap"], [60.0])
    assert chain[1].shares == []


def test_an_inquiry_tells_what_all_the_models_took() -> None:
    inquiry = Inquiry(PAIR)
    inquiry.expenses.append(Expense(NOON, "fake", "z", 50.0, Usage()))
    assert asked(links(TIMEOUT, TIMEOUT, REPLY, takes=2.0), inquiry=inquiry).model == "c"
    assert [expense.model for expense in inquiry.expenses] == ["z", "a", "b", "c"]
    assert [expense.seconds for expense in inquiry.expenses] == [50.0, 2.0, 2.0, 2.0]


def test_closing_closes_every_link() -> None:
    chain = links(REPLY, REPLY, REPLY)
    asyncio.run(ModelChain(chain, 1.0).close())
    assert all(link.closed for link in chain)


def test_without_an_inquiry_it_answers_too() -> None:
    chain = links(REPLY)

    async def bare() -> Reply:
        return await ModelChain(chain, 60.0).ask(a_prompt())

    assert asyncio.run(bare()).model == "a"


@given(st.lists(st.floats(0, 100), min_size=1, max_size=6))
def test_however_long_each_takes_no_share_is_more_than_its_part(taking: list[float]) -> None:
    watch = Watch()
    chain = links(*[TIMEOUT] * len(taking), watch=watch)
    for link, takes in zip(chain, taking, strict=True):
        link.takes = takes
    error_of(chain)
    assert watch.now <= 160.0 + 1e-6
    for number, link in enumerate(chain):
        assert all(share >= 60.0 / len(chain) - 1e-6 for share in link.shares)
        assert all(share <= 60.0 / (len(chain) - number) + 1e-6 for share in link.shares)


@pytest.mark.parametrize(("until", "share"), [(110.0, 5.0), (160.0, 30.0), (190.0, 30.0)])
def test_a_share_is_one_of_the_time_that_whoever_asks_has(until: float, share: float) -> None:
    chain = links(TIMEOUT, REPLY, takes=1000.0)
    assert asked_until(chain, until).model == "b"
    assert [link.shares for link in chain] == [[share], [share]]


def test_the_deadline_is_that_of_all_questions_of_an_inquiry_together() -> None:
    watch = Watch()
    chain = links(REPLY, takes=4.0, watch=watch)
    inquiry = Inquiry(PAIR, until=110.0)
    for _ in range(3):
        asked(chain, inquiry=inquiry)
    assert chain[0].shares == [10.0, 6.0, 2.0]


def test_a_model_that_is_named_has_the_time_of_whoever_asks() -> None:
    chain = links(REPLY, REPLY)
    asked(chain, model="cheap", inquiry=Inquiry(PAIR, until=110.0))
    assert (chain[0].shares, chain[1].shares) == ([10.0], [])


@pytest.mark.parametrize(("takes", "over"), [(4.9, False), (5.0, True), (1000.0, True)])
def test_when_the_time_of_whoever_asks_is_over_it_is_theirs_to_tell(
    takes: float, *, over: bool
) -> None:
    chain = links(TIMEOUT, ProviderError("timeout", "no complete answer"), takes=takes)
    with pytest.raises(TimeoutError if over else ProviderError):
        asked_until(chain, 110.0)
    assert len(chain[1].shares) == 1


@pytest.mark.parametrize("before", [(), (TIMEOUT,)])
def test_what_the_last_model_answered_is_told_even_if_the_time_is_over_by_then(
    before: tuple[ProviderError, ...],
) -> None:
    """It is on the tape, from which the same is told where no time is ever over."""
    oops = ProviderError("server_error", "Error code: 500")
    with pytest.raises(ProviderError) as caught:
        asked_until(links(*before, oops, takes=1000.0), 110.0)
    assert caught.value.fault == "server_error"


def test_when_the_time_of_the_client_is_over_it_is_the_last_models_fault() -> None:
    chain = links(TIMEOUT, takes=1000.0)
    with pytest.raises(ProviderError) as caught:
        asked_until(chain, 160.5)
    assert caught.value is TIMEOUT


@pytest.mark.parametrize("until", [100.0, 99.0, 0.0])
def test_who_comes_too_late_asks_nobody(until: float) -> None:
    chain = links(REPLY, REPLY)
    with pytest.raises(TimeoutError, match="the time of the question is over"):
        asked_until(chain, until)
    assert [link.shares for link in chain] == [[], []]
