import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adversary import Adversary, Script, adversary, completion, http
from builders import ARGUMENTS, PAIR, a_decision_record, a_prompt, a_question, a_reply
from fakes import ScriptedClient, TiringClient, answering
from llm_modules.dialogue import Inquiry, Prompt, Reply, Usage
from llm_modules.engine.cycle import decide
from llm_modules.engine.deadline import Deadline
from llm_modules.engine.executor import REPAIRS, Answer, FunctionExecutor
from llm_modules.errors import ProviderError
from llm_modules.journal.encoding import encoded
from llm_modules.llm.client import LLMClient
from llm_modules.llm.recorder import ABANDONED
from llm_modules.llm.tape import Tape
from models import a_client, llm_config
from rooms import decisions, some_rooms

USELESS = a_reply(text="let me think")


def run(client: ScriptedClient, deadline_seconds: float = 5) -> Answer:
    executor = FunctionExecutor(client, model="asked-model", deadline=Deadline(deadline_seconds))
    return asyncio.run(executor.call(a_prompt(), Inquiry(PAIR)))


def test_a_good_answer_is_taken_at_once() -> None:
    client = ScriptedClient([answering("signal_wait")])
    answer = run(client)
    assert answer.call is not None
    assert answer.call.tool == "signal_wait"
    assert (len(answer.expenses), answer.problems, answer.fault) == (1, (), None)
    assert answer.expenses[0].usage == Usage(prompt_tokens=1000, completion_tokens=50)
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
    assert len(answer.expenses) == 2


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
    assert len(answer.expenses) == 1


def test_problems_met_before_a_fault_are_kept() -> None:
    answer = run(ScriptedClient([USELESS, ProviderError("connection", "gone")]))
    assert (len(answer.problems), answer.fault) == (1, "connection: gone")
    assert len(answer.expenses) == 2


def test_the_model_named_is_the_one_that_answered_last() -> None:
    replies = [replace(USELESS, model="m-0"), replace(answering("signal_wait"), model="m-1")]
    assert run(ScriptedClient(replies)).model == "m-1"


def test_repairs_share_one_deadline() -> None:
    client = TiringClient([USELESS])
    answer = run(client, deadline_seconds=1)
    assert answer.fault == "timeout: no usable answer within 1 s"
    assert len(client.prompts) == 2


@pytest.mark.parametrize("reply", [answering("signal_hold"), answering("signal_exit")])
def test_a_tool_of_the_other_stance_is_not_executed(reply: Reply) -> None:
    assert run(ScriptedClient([reply])).call is None


def test_closing_closes_the_client() -> None:
    client = ScriptedClient([USELESS])
    asyncio.run(FunctionExecutor(client, model="m", deadline=Deadline(1)).close())
    assert client.closed


OK = http(completion(ARGUMENTS["signal_wait"]))
UNKNOWN_TOOL = http(completion(tool="fly"))
OOPS = http("{}", "500 Oops", retry_after="0")


@pytest.fixture
def tape(tmp_path: Path) -> Tape:
    return Tape(tmp_path / "llm_tape.sqlite")


def client_of(server: Adversary, tape: Tape | None, timeout: float = 5) -> LLMClient:
    return a_client(llm_config(server.url, timeout=timeout, retry_times=2), tape)


def ids(answer: Answer) -> list[str]:
    return [one.tape_id for one in answer.expenses if one.tape_id is not None]


def asked(script: Script, tape: Tape | None, deadline_seconds: float = 5) -> Answer:
    """Ask a real client, which is given more time than the deadline."""

    async def once(server: Adversary) -> Answer:
        client = client_of(server, tape)
        executor = FunctionExecutor(client, model="m", deadline=Deadline(deadline_seconds))
        answer = await executor.call(a_prompt(), Inquiry(PAIR))
        await executor.close()
        return answer

    with adversary(script) as server:
        return asyncio.run(once(server))


def errors(tape: Tape, answer: Answer) -> list[str | None]:
    found = [tape.read(name) for name in ids(answer)]
    return [attempt.error if attempt else "not on the tape" for attempt in found]


def test_every_request_of_a_question_is_named_in_order(tape: Tape) -> None:
    script = [[OOPS], [UNKNOWN_TOOL], [OOPS], [OOPS], [OK]]
    answer = asked(lambda number: list(script[number - 1]), tape)
    assert answer.call is not None
    failed = "server_error: Error code: 500"
    assert errors(tape, answer) == [failed, None, failed, failed, None]
    assert len(set(ids(answer))) == len(answer.expenses) == 5


def test_a_repair_is_on_the_tape_with_its_complaint(tape: Tape) -> None:
    answer = asked(lambda number: [UNKNOWN_TOOL if number == 1 else OK], tape)
    first, second = (tape.read(name) for name in ids(answer))
    assert first is not None
    assert second is not None
    assert "was not used" not in first.request["messages"][-1]["content"]
    assert "Your last answer was not used." in second.request["messages"][-1]["content"]


def test_what_failed_for_good_is_named(tape: Tape) -> None:
    answer = asked(lambda _: [http("{}", "403 No")], tape)
    assert answer.fault == "unauthorised: Error code: 403"
    assert errors(tape, answer) == [answer.fault]


def test_what_was_asked_when_time_ran_out_is_named(tape: Tape) -> None:
    answer = asked(lambda number: [UNKNOWN_TOOL if number == 1 else 60.0], tape, 2)
    assert answer.fault == "timeout: no usable answer within 2 s"
    assert errors(tape, answer) == [None, ABANDONED]


def test_without_a_tape_no_request_is_named() -> None:
    assert ids(asked(lambda _: [OK], None)) == []


def recorded(folder: Path, tape: Tape, script: Script) -> Any:
    with adversary(script) as server:
        rooms = some_rooms(folder, client_of(server, tape))
        asyncio.run(decide(a_question(), rooms))
        (record,) = decisions(rooms)
    return record


def test_a_decisions_record_leads_to_its_prompt_and_answer(tmp_path: Path, tape: Tape) -> None:
    record = recorded(tmp_path, tape, lambda _: [OK])
    (name,) = record.tape_ids
    attempt = tape.read(name)
    assert attempt is not None
    assert attempt.request["messages"][0]["role"] == "system"
    assert PAIR in attempt.request["messages"][-1]["content"]
    assert record.tool == "signal_wait"


def test_a_decision_without_an_answer_leads_there_too(tmp_path: Path, tape: Tape) -> None:
    record = recorded(tmp_path, tape, lambda _: [http("{}", "403 No")])
    assert record.status == "failed"
    assert [tape.read(name) is not None for name in record.tape_ids] == [True]


def test_the_most_requests_a_decision_can_take_leave_its_record_within_3_kb() -> None:
    # Eleven attempts for each of three questions, the most the settings allow.
    names = tuple(f"{number:016x}" for number in range(33))
    facts = {f"fact_number_{number}": 12345.678901 for number in range(20)}
    record = a_decision_record(
        tape_ids=names, facts=facts, problems=("too long " * 500,) * 3, fault="x" * 5000
    )
    assert len(encoded(record)) <= 2948


def test_another_model_of_the_same_client_is_asked_by_name() -> None:
    client = ScriptedClient([USELESS, answering("signal_wait")])
    executor = FunctionExecutor(client, model="small", deadline=Deadline(5), by_name=True)
    asyncio.run(executor.call(a_prompt(), Inquiry(PAIR)))
    assert client.models == ["small", "small"]
    own = ScriptedClient([answering("signal_wait")])
    run(own)
    assert own.models == [None]


@pytest.mark.parametrize("seconds", [0.3, 0.0, -1.0])
def test_a_caller_may_give_less_time_and_the_whole_is_told(seconds: float) -> None:
    """What was left of the time is another one when a tape is played back, the whole is not."""
    client = ScriptedClient([USELESS], delay_seconds=0.2)
    executor = FunctionExecutor(client, model="m", deadline=Deadline(60))
    inquiry, until = Inquiry(PAIR), time.monotonic() + seconds
    answer = asyncio.run(executor.call(a_prompt(), inquiry, until=until))
    assert answer.fault == "timeout: no usable answer within 60 s"
    assert inquiry.until == until


def test_whoever_asks_the_model_is_told_the_deadline_of_all_repairs_together() -> None:
    untils: list[float | None] = []

    class Listening(ScriptedClient):
        async def ask(
            self, prompt: Prompt, inquiry: Inquiry | None = None, *, model: str | None = None
        ) -> Reply:
            assert inquiry is not None
            untils.append(inquiry.until)
            return await super().ask(prompt, inquiry, model=model)

    before = time.monotonic()
    run(Listening([USELESS], delay_seconds=0.01), deadline_seconds=7)
    after = time.monotonic()
    first, *others = untils
    assert first is not None
    assert before + 7 <= first <= after + 7
    assert others == [first] * REPAIRS


def hung() -> tuple[list[Answer], list[int]]:
    """Ask three times within 4 s, first a server that hangs and then one that answers."""

    async def three(first: Adversary, second: Adversary) -> list[Answer]:
        spare = {"api_base": second.url, "model": "spare"}
        asking = {"timeout": 60, "retry_times": 0, "breaker_failures": 2, "fallbacks": [spare]}
        client = a_client(llm_config(first.url, **asking))
        executor = FunctionExecutor(client, model="m", deadline=Deadline(4))
        answers = [await executor.call(a_prompt(), Inquiry(PAIR)) for _ in range(3)]
        await executor.close()
        return answers

    with adversary(lambda _: [60.0]) as first, adversary(OK) as second:
        answers = asyncio.run(three(first, second))
        return answers, [len(first.requests), len(second.requests)]


def test_a_server_that_hangs_leaves_time_for_the_next_though_the_client_has_more() -> None:
    answers, requests = hung()
    assert [answer.call is not None for answer in answers] == [True] * 3
    assert [len(answer.expenses) for answer in answers] == [2, 2, 1]
    # It is let be, after it was cut off twice.
    assert requests == [2, 3]
