import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import ARGUMENTS, NOON, PAIR, a_prompt, a_reply, a_request
from fakes import ScriptedClient, TiringClient
from llm_modules.dialogue import Expense, Inquiry, Reply, ToolRequest, Usage
from llm_modules.engine.deadline import Deadline
from llm_modules.engine.executor import Answer
from llm_modules.engine.portfolio_executor import PortfolioExecutor, shared
from llm_modules.errors import ProviderError
from llm_modules.tools.schema import offered_tools

ETH, SOL = "ETH/USDT:USDT", "SOL/USDT:USDT"
OFFERS = {PAIR: offered_tools("flat"), ETH: offered_tools("flat"), SOL: offered_tools("flat")}


def waits(*pairs: str, **changes: Any) -> Reply:
    def one(number: int, pair: str) -> ToolRequest:
        arguments = ARGUMENTS["signal_wait"] | {"pair": pair} | changes
        return a_request("signal_wait", json.dumps(arguments), f"c{number}")

    return a_reply(*(one(number, pair) for number, pair in enumerate(pairs)))


def run(client: ScriptedClient, deadline_seconds: float = 5) -> dict[str, Answer]:
    executor = PortfolioExecutor(client, model="asked-model", deadline=Deadline(deadline_seconds))
    answers: dict[str, Answer] = {}

    def answered(pair: str, answer: Answer) -> None:
        assert pair not in answers
        answers[pair] = answer

    asyncio.run(executor.call(a_prompt(), Inquiry("all pairs"), OFFERS, answered))
    return {pair: answers[pair] for pair in OFFERS}


def called(answers: dict[str, Answer]) -> list[str]:
    return [pair for pair, answer in answers.items() if answer.call is not None]


def test_one_request_decides_all_pairs() -> None:
    client = ScriptedClient([waits(PAIR, ETH, SOL)])
    answers = run(client)
    assert called(answers) == [PAIR, ETH, SOL]
    assert len(client.prompts) == 1
    assert {answer.model for answer in answers.values()} == {"test-model-0126"}
    assert {answer.fault for answer in answers.values()} == {None}


def test_only_the_pairs_without_a_call_are_asked_about_again() -> None:
    client = ScriptedClient([waits(PAIR, SOL), waits(ETH)])
    answers = run(client)
    assert called(answers) == [PAIR, ETH, SOL]
    complaint = client.prompts[1].messages[-1].content
    assert f"- {ETH}: you called no tool for {ETH}" in complaint
    assert complaint.endswith(f"Call exactly one tool for each of {ETH}, and none for others.")
    assert answers[ETH].problems == (f"you called no tool for {ETH}",)
    assert answers[PAIR].problems == ()


def test_what_belongs_to_no_pair_is_told_with_each() -> None:
    answers = run(ScriptedClient([waits(PAIR, ETH, SOL, "XRP/USDT:USDT")]))
    assert called(answers) == [PAIR, ETH, SOL]
    assert all("a call is about none of" in answer.problems[0] for answer in answers.values())


def test_a_second_opinion_on_a_decided_pair_is_not_heard() -> None:
    entry = a_request("signal_entry_long", json.dumps(ARGUMENTS["signal_entry_long"]), "c9")
    second = a_reply(entry, *waits(ETH, SOL).tool_requests)
    answers = run(ScriptedClient([waits(PAIR), second]))
    assert called(answers) == [PAIR, ETH, SOL]
    assert answers[PAIR].call is not None
    assert answers[PAIR].call.tool == "signal_wait"


def test_a_model_that_never_learns_is_asked_three_times() -> None:
    client = ScriptedClient([waits(PAIR)])
    answers = run(client)
    assert len(client.prompts) == 3
    assert called(answers) == [PAIR]
    assert len(answers[ETH].problems) >= 3
    assert answers[ETH].fault is None


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (ProviderError("rate_limited", "slow down"), "rate_limited: slow down"),
        (TimeoutError(), "timeout: no usable answer within 5 s"),
    ],
)
def test_what_was_decided_before_a_fault_holds(error: Exception, fault: str) -> None:
    client = ScriptedClient([waits(PAIR, ETH), error])
    answers = run(client)
    assert called(answers) == [PAIR, ETH]
    assert len(client.prompts) == 2
    assert (answers[PAIR].fault, answers[SOL].fault) == (None, fault)


def test_the_deadline_covers_the_repairs() -> None:
    answers = run(TiringClient([waits(PAIR)]), deadline_seconds=1)
    assert called(answers) == [PAIR]
    assert answers[SOL].fault == "timeout: no usable answer within 1 s"


def test_without_any_reply_the_asked_model_is_named() -> None:
    answers = run(ScriptedClient([ProviderError("connection", "gone")]))
    assert {answer.model for answer in answers.values()} == {"asked-model"}


def test_every_pair_carries_its_share_of_what_it_took() -> None:
    answers = run(ScriptedClient([waits(PAIR, ETH, SOL)]))
    tokens = [answer.expenses[0].usage.prompt_tokens for answer in answers.values()]
    assert tokens == [334, 333, 333]


def test_a_repair_is_paid_by_the_pairs_that_needed_it() -> None:
    answers = run(ScriptedClient([waits(PAIR), waits(ETH, SOL)]))
    tokens = {
        pair: [expense.usage.prompt_tokens for expense in answer.expenses]
        for pair, answer in answers.items()
    }
    assert tokens == {PAIR: [334], ETH: [333, 500], SOL: [333, 500]}


def test_a_valid_call_does_not_wait_for_the_repair_of_another() -> None:
    client = ScriptedClient([waits(PAIR)])
    at_prompts: dict[str, int] = {}

    def answered(pair: str, _answer: Answer) -> None:
        at_prompts[pair] = len(client.prompts)

    executor = PortfolioExecutor(client, model="m", deadline=Deadline(5))
    asyncio.run(executor.call(a_prompt(), Inquiry("all pairs"), OFFERS, answered))
    assert at_prompts == {PAIR: 1, ETH: 3, SOL: 3}


counts = st.one_of(st.none(), st.integers(0, 10**7))


@given(
    usage=st.builds(Usage, counts, counts, counts, counts, counts),
    cost=st.one_of(st.none(), st.floats(0, 100)),
    pairs=st.integers(1, 50),
)
def test_shares_add_up_to_the_whole(usage: Usage, cost: float | None, pairs: int) -> None:
    expense = Expense(NOON, "test", "m", 1.5, usage, cost, tape_id="t")
    shares = [share for (share,) in shared([expense], pairs)]
    assert len(shares) == pairs
    for name in ("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens"):
        whole, parts = getattr(usage, name), [getattr(share.usage, name) for share in shares]
        assert (parts == [None] * pairs) if whole is None else (sum(parts) == whole)
    if cost is None:
        assert {share.cost for share in shares} == {None}
    else:
        assert sum(share.cost or 0 for share in shares) == pytest.approx(cost)
    assert {(share.seconds, share.tape_id) for share in shares} == {(1.5, "t")}
