import asyncio

import pytest

from builders import PAIR, a_prompt, a_reply
from fakes import ScriptedClient, answering
from llm_modules.domain import Reply
from llm_modules.engine.executor import REPAIRS, Answer, FunctionExecutor
from llm_modules.errors import ProviderError

USELESS = a_reply(text="let me think")


def run(client: ScriptedClient, deadline_seconds: float = 5) -> Answer:
    executor = FunctionExecutor(client, model="asked-model", deadline_seconds=deadline_seconds)
    return asyncio.run(executor.call(a_prompt(), PAIR))


def test_a_good_answer_is_taken_at_once() -> None:
    client = ScriptedClient([answering("signal_wait")])
    answer = run(client)
    assert answer.call is not None
    assert answer.call.tool == "signal_wait"
    assert (answer.attempts, answer.problems, answer.fault) == (1, (), None)
    assert (answer.prompt_tokens, answer.completion_tokens) == (1000, 50)
    assert answer.model == "test-model-0126"


def test_a_bad_answer_goes_back_with_the_exact_reasons() -> None:
    client = ScriptedClient(
        [answering("signal_entry_long", leverage=500), answering("signal_wait")]
    )
    answer = run(client)
    assert answer.call is not None
    complaint = client.prompts[1].messages[-1].content
    assert "leverage: Input should be less than or equal to 100, found '500'" in complaint
    assert "Call exactly one of signal_entry_long, signal_entry_short, signal_wait" in complaint
    assert answer.problems == ("leverage: Input should be less than or equal to 100, found '500'",)
    assert answer.prompt_tokens == 2000


def test_the_complaint_keeps_the_roles_and_the_question() -> None:
    client = ScriptedClient([USELESS, answering("signal_wait")])
    run(client)
    assert [message.role for message in client.prompts[1].messages] == ["system", "user"]
    assert client.prompts[1].messages[-1].content.startswith("what now?")


def test_a_model_that_never_learns_is_asked_three_times_and_does_nothing() -> None:
    client = ScriptedClient([USELESS])
    answer = run(client)
    assert answer.call is None
    assert len(client.prompts) == 1 + REPAIRS == 3
    assert len(answer.problems) == 3
    assert answer.fault is None


def test_an_endpoint_that_fails_is_a_fault_not_an_exception() -> None:
    answer = run(ScriptedClient([ProviderError("rate_limited", "slow down")]))
    assert answer.call is None
    assert answer.fault == "rate_limited: slow down"
    assert answer.model == "asked-model"
    assert answer.attempts == 1
    assert answer.prompt_tokens is None


def test_problems_met_before_a_fault_are_kept() -> None:
    answer = run(ScriptedClient([USELESS, ProviderError("connection", "gone")]))
    assert (len(answer.problems), answer.fault) == (1, "connection: gone")
    assert answer.attempts == 2


def test_repairs_share_one_deadline() -> None:
    client = ScriptedClient([USELESS], delay_seconds=0.2)
    answer = run(client, deadline_seconds=0.3)
    assert answer.fault == "timeout: no usable answer within 0.3 s"
    assert len(client.prompts) == 2


@pytest.mark.parametrize("reply", [answering("signal_hold"), answering("signal_exit")])
def test_a_tool_of_the_other_stance_is_not_executed(reply: Reply) -> None:
    assert run(ScriptedClient([reply])).call is None


def test_closing_closes_the_client() -> None:
    client = ScriptedClient([USELESS])
    asyncio.run(FunctionExecutor(client, model="m", deadline_seconds=1).close())
    assert client.closed
