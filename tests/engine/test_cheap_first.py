"""A cheap model may wait and hold; everything else is the main model's, or nobody's."""

import asyncio
import time
from typing import Any

import pytest

from adversary import Adversary, adversary, completion, http
from builders import ARGUMENTS, NOON, PAIR, a_prompt, a_reply
from fakes import ScriptedClient, answering
from llm_modules.config import LLMConfig
from llm_modules.dialogue import Expense, Inquiry, Prompt, Reply, Usage
from llm_modules.engine.cheap_first import LONGEST_SAID, CheapFirst, open_executor
from llm_modules.engine.executor import Answer, FunctionExecutor
from llm_modules.errors import ProviderError
from models import a_client, llm_config

USELESS = a_reply(text="let me think")
GONE = ProviderError("connection", "gone")


def settings(cheap: str = "small", below: float = 60, timeout: float = 5) -> LLMConfig:
    asking = {"cheap_model": cheap, "escalate_below_confidence": below}
    return llm_config("http://127.0.0.1:9/v1", asking=asking, timeout=timeout)


class TwoModels:
    """Answers as the model that is asked by name, or as the client's own."""

    def __init__(self, cheap: ScriptedClient, main: ScriptedClient) -> None:
        self.cheap, self.main = cheap, main

    async def ask(
        self, prompt: Prompt, inquiry: Inquiry | None = None, *, model: str | None = None
    ) -> Reply:
        chosen = self.main if model is None else self.cheap
        return await chosen.ask(prompt, inquiry, model=model)

    async def close(self) -> None:
        await self.main.close()


def two(
    cheap: list[Reply | Exception], main: list[Reply | Exception], delay_seconds: float = 0
) -> TwoModels:
    slow = ScriptedClient(cheap, delay_seconds=delay_seconds)
    return TwoModels(slow, ScriptedClient(main))


def run(models: TwoModels, stance: str = "flat", **changes: Any) -> Answer:
    executor = open_executor(models, settings(**changes))
    return asyncio.run(executor.call(a_prompt(stance), Inquiry(PAIR)))


def small(tool: str, confidence: float = 80, **changes: Any) -> Reply:
    reply = answering(tool, confidence_score=confidence, **changes)
    return a_reply(*reply.tool_requests, model="small-0126")


MAIN_ENTRY = answering("signal_entry_short")


@pytest.mark.parametrize(("stance", "tool"), [("flat", "signal_wait"), ("held", "signal_hold")])
def test_a_sure_wait_or_hold_of_the_cheap_model_counts(stance: str, tool: str) -> None:
    models = two([small(tool)], [MAIN_ENTRY])
    answer = run(models, stance)
    assert answer.call is not None
    assert (answer.call.tool, answer.model, answer.escalated_from) == (tool, "small-0126", None)
    assert models.cheap.models == ["small"]
    assert models.main.prompts == []


@pytest.mark.parametrize(
    ("confidence", "below", "escalated"),
    [(60, 60, False), (59.9, 60, True), (61, 60, False), (60, 80, True), (80, 80, False)],
)
def test_an_unsure_wait_is_asked_anew(confidence: float, below: float, *, escalated: bool) -> None:
    answer = run(two([small("signal_wait", confidence)], [MAIN_ENTRY]), below=below)
    assert (answer.escalated_from is not None) is escalated
    assert answer.call is not None
    assert (answer.call.tool == "signal_entry_short") is escalated


@pytest.mark.parametrize(
    ("stance", "tool", "other"),
    [
        ("flat", "signal_entry_long", "signal_wait"),
        ("flat", "signal_entry_short", "signal_wait"),
        ("held", "signal_exit", "signal_hold"),
        ("held", "adjust_position", "signal_hold"),
    ],
)
def test_what_does_something_is_the_main_models_to_say(stance: str, tool: str, other: str) -> None:
    models = two([small(tool, 100)], [answering(other)])
    answer = run(models, stance)
    assert answer.call is not None
    assert (answer.call.tool, answer.model) == (other, "test-model-0126")
    assert answer.escalated_from == f"small-0126: {tool} 100"
    assert models.main.models == [None]


def test_the_main_model_is_asked_the_same_and_not_told_what_the_cheap_one_said() -> None:
    models = two([USELESS], [MAIN_ENTRY])
    run(models)
    assert models.main.prompts == [a_prompt()]


def test_an_unusable_cheap_model_is_repaired_twice_and_then_the_main_one_is_asked() -> None:
    models = two([USELESS], [USELESS])
    answer = run(models)
    assert answer.call is None
    assert (len(models.cheap.prompts), len(models.main.prompts)) == (3, 3)
    assert len(answer.expenses) == len(answer.problems) == 6
    assert answer.escalated_from == "test-model-0126: no usable answer"


def test_a_repaired_wait_of_the_cheap_model_counts() -> None:
    models = two([USELESS, small("signal_wait")], [MAIN_ENTRY])
    answer = run(models)
    assert answer.escalated_from is None
    assert (len(answer.problems), len(answer.expenses), models.main.prompts) == (1, 2, [])


def test_a_cheap_model_that_fails_costs_nothing_but_its_attempt() -> None:
    answer = run(two([GONE], [MAIN_ENTRY]))
    assert answer.call is not None
    assert answer.fault is None
    assert answer.escalated_from == "small: connection: gone"


@pytest.mark.parametrize("cheap", [small("signal_entry_long", 100), small("signal_wait", 10)])
def test_if_the_main_model_fails_the_cheap_answer_is_not_taken(cheap: Reply) -> None:
    answer = run(two([cheap], [GONE]))
    assert answer.call is None
    assert (answer.fault, answer.model) == ("connection: gone", "test-model")
    assert answer.escalated_from is not None


def test_the_expenses_are_those_of_both_models_in_order() -> None:
    answer = run(two([small("signal_entry_long")], [MAIN_ENTRY]))
    assert answer.expenses == (
        Expense(NOON, "test", "small", 0.1, Usage(1000, 50)),
        Expense(NOON, "test", "test-model", 0.1, Usage(1000, 50)),
    )


def test_a_cheap_model_that_hangs_leaves_half_of_the_time() -> None:
    models = two([small("signal_wait")], [MAIN_ENTRY], delay_seconds=60)
    answer = run(models, timeout=3)
    assert answer.call is not None
    assert answer.call.tool == "signal_entry_short"
    assert answer.escalated_from == "small: timeout: no usable answer within 1.5 s"


def test_both_share_one_deadline() -> None:
    models = TwoModels(
        ScriptedClient([small("signal_entry_long")], delay_seconds=0.05),
        ScriptedClient([MAIN_ENTRY], delay_seconds=60),
    )
    answer = run(models, timeout=0.2)
    assert answer.call is None
    # The whole of it, not the rest: of a replay nothing is gone by then.
    assert answer.fault == "timeout: no usable answer within 0.2 s"


def test_what_a_model_said_is_short() -> None:
    answer = run(two([ProviderError("rejected", "x" * 5000)], [MAIN_ENTRY]))
    assert answer.escalated_from is not None
    assert len(answer.escalated_from) == LONGEST_SAID


def test_without_a_cheap_model_only_the_main_one_is_asked() -> None:
    models = two([small("signal_wait")], [MAIN_ENTRY])
    executor = open_executor(models, settings(cheap=""))
    assert isinstance(executor, FunctionExecutor)
    answer = asyncio.run(executor.call(a_prompt(), Inquiry(PAIR)))
    assert (models.main.models, models.cheap.models) == ([None], [])
    assert answer.escalated_from is None


def test_closing_closes_the_client() -> None:
    models = two([], [])
    executor = open_executor(models, settings())
    assert isinstance(executor, CheapFirst)
    asyncio.run(executor.close())
    assert models.main.closed


def test_the_cheap_tools_are_those_that_change_nothing() -> None:
    quiet = {tool for tool in ARGUMENTS if tool in {"signal_wait", "signal_hold"}}
    taken = set()
    for tool in ARGUMENTS:
        stance = "flat" if "entry" in tool or tool == "signal_wait" else "held"
        if run(two([small(tool, 100)], [GONE]), stance).call is not None:
            taken.add(tool)
    assert taken == quiet


@pytest.mark.parametrize("confidence", [60.0, 100.0])
def test_a_hold_that_moves_a_stop_is_the_main_models_to_say(confidence: float) -> None:
    models = two([small("signal_hold", confidence, stop_price=94.9)], [answering("signal_exit")])
    answer = run(models, "held")
    assert answer.call is not None
    assert answer.call.tool == "signal_exit"
    assert answer.escalated_from == f"small-0126: signal_hold {confidence:g} with a stop"


def test_a_hold_that_names_no_stop_in_so_many_words_counts() -> None:
    answer = run(two([small("signal_hold", 60, stop_price=None)], [GONE]), "held")
    assert answer.call is not None
    assert answer.escalated_from is None


def test_each_is_told_how_long_it_may_take() -> None:
    left: list[float] = []

    class Listening(ScriptedClient):
        async def ask(
            self, prompt: Prompt, inquiry: Inquiry | None = None, *, model: str | None = None
        ) -> Reply:
            assert inquiry is not None
            assert inquiry.until is not None
            left.append(inquiry.until - started)
            return await super().ask(prompt, inquiry, model=model)

    cheap = Listening([small("signal_entry_long")], delay_seconds=0.05)
    started = time.monotonic()
    models = TwoModels(cheap, Listening([MAIN_ENTRY]))
    run(models, timeout=1000)
    half, whole = left
    assert 500 <= half < 600
    # What the cheap model took is the main one's loss.
    assert 999 < whole <= half + 500.001


def test_a_server_that_hangs_is_let_be_and_its_fallback_asked() -> None:
    async def four(hung: Adversary, spare: Adversary) -> list[Answer]:
        config = llm_config(
            hung.url,
            timeout=4,
            retry_times=0,
            breaker_failures=2,
            fallbacks=[{"api_base": spare.url, "model": "spare"}],
            asking={"cheap_model": "small"},
        )
        executor = open_executor(a_client(config), config)
        answers = [await executor.call(a_prompt(), Inquiry(PAIR)) for _ in range(4)]
        await executor.close()
        return answers

    good = http(completion(ARGUMENTS["signal_wait"]))
    with adversary(lambda _: [60.0]) as hung, adversary(good) as spare:
        answers = asyncio.run(four(hung, spare))
    assert [answer.call is not None for answer in answers] == [True] * 4
    assert [one["model"] for one in hung.requests] == ["small", "test-model"] * 2
    assert [one["model"] for one in spare.requests] == ["spare"] * 4
    early, late = {answer.escalated_from for answer in answers[:2]}, answers[3].escalated_from
    assert early == {"small: timeout: no usable answer within 2 s"}
    assert (late or "").startswith("small: unavailable: ")
