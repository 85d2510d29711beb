"""Whatever a model answers: it is asked three times at most, and no call but a valid one counts."""

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from builders import ARGUMENTS, NOON, PAIR, a_prompt, a_reply, a_request
from llm_modules.dialogue import Expense, Inquiry, Prompt, Reply, ToolRequest, Usage
from llm_modules.engine.deadline import Deadline
from llm_modules.engine.executor import REPAIRS, Answer, FunctionExecutor
from llm_modules.errors import ProviderError, ProviderFault

EXAMPLES = 5_000 if os.environ.get("NIGHTLY") else 300
FLAT = ("signal_entry_long", "signal_entry_short", "signal_wait")
IN_POSITION = ("signal_exit", "adjust_position", "signal_hold")
OTHER_PAIR = "ETH/USDT:USDT"


@dataclass(frozen=True)
class Turn:
    """What one question comes to: a reply or an error, and how many requests that took."""

    end: Reply | ProviderError
    requests: int
    is_valid: bool = False


class Model:
    """Takes one turn after the other, the last one for ever."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        self.turns = list(turns)
        self.taken: list[Turn] = []
        self.prompts: list[Prompt] = []
        self.untils: set[float | None] = set()

    async def ask(
        self, prompt: Prompt, inquiry: Inquiry | None = None, *, model: str | None = None
    ) -> Reply:
        await asyncio.sleep(0)
        turn = self.turns[min(len(self.taken), len(self.turns) - 1)]
        self.taken.append(turn)
        self.prompts.append(prompt)
        assert inquiry is not None
        self.untils.add(inquiry.until)
        for number in range(turn.requests):
            inquiry.expenses.append(Expense(NOON, "fake", f"m{number}", 0.1, Usage()))
        if isinstance(turn.end, ProviderError):
            raise turn.end
        return turn.end

    async def close(self) -> None:
        """Nothing to release."""


def call_of(name: str, /, **changes: Any) -> ToolRequest:
    return a_request(name, json.dumps(ARGUMENTS[name] | changes))


def valid(offered: Sequence[str]) -> st.SearchStrategy[Reply]:
    return st.sampled_from(offered).map(lambda tool: a_reply(call_of(tool)))


def invalid(offered: Sequence[str], others: Sequence[str]) -> st.SearchStrategy[Reply]:
    good = st.sampled_from(offered)
    return st.one_of(
        st.text(max_size=50).map(lambda text: a_reply(text=text)),
        st.sampled_from([*others, "", "fly", "SIGNAL_WAIT", "signal_wait "]).map(
            lambda tool: a_reply(a_request(tool, json.dumps(ARGUMENTS["signal_wait"])))
        ),
        good.map(lambda tool: a_reply(call_of(tool), call_of(tool))),
        good.map(lambda tool: a_reply(call_of(tool, pair=OTHER_PAIR))),
        good.map(lambda tool: a_reply(call_of(tool, confidence_score=101))),
        good.map(lambda tool: a_reply(call_of(tool, confidence_score="60"))),
        good.map(lambda tool: a_reply(call_of(tool, tool="signal_exit"))),
        good.map(lambda tool: a_reply(call_of(tool, extra=1))),
        good.map(lambda tool: a_reply(call_of(tool, reason=7))),
        st.tuples(good, st.sampled_from(["length", "content_filter"])).map(
            lambda pair: a_reply(call_of(pair[0]), finish_reason=pair[1])
        ),
        st.tuples(good, st.one_of(st.none(), st.text(max_size=30))).map(
            lambda pair: a_reply(a_request(pair[0], pair[1]))
        ),
    )


errors = st.sampled_from(get_args(ProviderFault)).map(
    lambda fault: ProviderError(fault, f"{fault} it was", retry_after_seconds=1.0)
)


def turns(offered: Sequence[str], others: Sequence[str]) -> st.SearchStrategy[list[Turn]]:
    requests = st.integers(1, 4)
    # A model that is let be, or too dear, is not asked at all.
    one = st.one_of(
        st.builds(Turn, valid(offered), requests, st.just(value=True)),
        st.builds(Turn, invalid(offered, others), requests),
        st.builds(Turn, errors, st.integers(0, 4)),
    )
    return st.lists(one, min_size=1, max_size=5)


def run(model: Model, stance: str) -> tuple[Answer, Inquiry]:
    inquiry = Inquiry(PAIR)
    executor = FunctionExecutor(model, model="asked", deadline=Deadline(60))
    return asyncio.run(executor.call(a_prompt(stance), inquiry)), inquiry


def check(taking: list[Turn], stance: str, offered: Sequence[str]) -> None:
    model = Model(taking)
    answer, inquiry = run(model, stance)
    *before, last = model.taken
    # As often as it has to, and never more than three times.
    assert 1 <= len(model.taken) <= 1 + REPAIRS == 3
    unusable = [turn for turn in before if turn.is_valid or isinstance(turn.end, ProviderError)]
    assert unusable == []
    ended = last.is_valid or isinstance(last.end, ProviderError)
    assert ended or len(model.taken) == 3
    # A call is the last reply's, for exactly this pair, of a tool that was offered.
    assert (answer.call is not None) == last.is_valid
    if answer.call is not None:
        assert isinstance(last.end, Reply)
        assert (answer.call.pair, answer.call.tool) == (PAIR, last.end.tool_requests[0].name)
        assert answer.call.tool in offered
    # A fault is told as it was.
    told = f"{last.end.fault}: {last.end}" if isinstance(last.end, ProviderError) else None
    assert answer.fault == told
    # Every problem is kept, and told to the model with the next question.
    wrong = sum(not turn.is_valid and isinstance(turn.end, Reply) for turn in model.taken)
    assert len(answer.problems) >= wrong
    assert bool(answer.problems) == bool(wrong)
    seen = "".join(message.content for message in model.prompts[-1].messages)
    kept = answer.problems if ended else ()
    assert all(problem in seen for problem in kept)
    # One deadline covers all of it.
    assert model.untils == {inquiry.until}
    assert None not in model.untils
    # Every request is accounted for, in order.
    assert len(inquiry.expenses) == sum(turn.requests for turn in model.taken)
    assert answer.expenses == tuple(inquiry.expenses)


@given(turns(FLAT, IN_POSITION))
@hypothesis_settings(max_examples=EXAMPLES, deadline=None)
@example([Turn(a_reply(text="no"), 1)])
@example([Turn(a_reply(call_of("signal_exit")), 1), Turn(a_reply(call_of("signal_wait")), 2, True)])
def test_while_flat(taking: list[Turn]) -> None:
    check(taking, "flat", FLAT)


@given(turns(IN_POSITION, FLAT))
@hypothesis_settings(max_examples=EXAMPLES, deadline=None)
def test_in_a_position(taking: list[Turn]) -> None:
    check(taking, "in_position", IN_POSITION)


@given(turns(FLAT, IN_POSITION), st.integers(0, 3))
@hypothesis_settings(max_examples=EXAMPLES // 3, deadline=None)
def test_a_model_that_falls_silent_is_a_fault_and_what_was_before_is_kept(
    taking: list[Turn], answered: int
) -> None:
    class Silent(Model):
        fell_silent = False

        async def ask(
            self, prompt: Prompt, inquiry: Inquiry | None = None, *, model: str | None = None
        ) -> Reply:
            if len(self.taken) == answered:
                self.fell_silent = True
                await asyncio.Event().wait()
            return await super().ask(prompt, inquiry, model=model)

    model = Silent(taking)
    inquiry = Inquiry(PAIR)
    executor = FunctionExecutor(model, model="asked", deadline=Deadline(0.01))
    answer = asyncio.run(executor.call(a_prompt(), inquiry))
    if model.fell_silent:
        assert answer.call is None
        assert answer.fault == "timeout: no usable answer within 0.01 s"
    wrong = sum(not turn.is_valid and isinstance(turn.end, Reply) for turn in model.taken)
    assert bool(answer.problems) == bool(wrong)
    assert answer.expenses == tuple(inquiry.expenses)
