"""CheapFirst: a cheap model is asked first; the main one decides whatever does something.

Most candles end in waiting or holding, which a cheap model may say if it is sure. It never opens,
changes or closes a position, nor moves a stop, by which it could do either.
"""

from dataclasses import replace

from llm_modules.config import LLMConfig
from llm_modules.dialogue import Inquiry, Prompt
from llm_modules.engine.deadline import Deadline, deadline_of
from llm_modules.engine.executor import Answer, Executor, FunctionExecutor
from llm_modules.llm.client import LLMClient
from llm_modules.tools.calls import Hold, Wait

# A cheap model that hangs must leave the main one time to answer.
CHEAP_SHARE = 0.5
LONGEST_SAID = 100


class CheapFirst:
    """Asks two models in turn within one deadline; never raises for what a model does.

    The cheap model's answer counts when it is to wait, or to hold with the stop as it is, at a
    confidence of at least `sure_from`. After anything else, a failure too, the main model is asked
    the same, and then only its answer counts: if it fails, nothing is done. Each may be asked three
    times.
    """

    def __init__(
        self,
        cheap: FunctionExecutor,
        main: FunctionExecutor,
        *,
        sure_from: float,
        deadline: Deadline,
    ) -> None:
        self._cheap = cheap
        self._main = main
        self._sure_from = sure_from
        self._deadline = deadline

    async def call(self, prompt: Prompt, inquiry: Inquiry) -> Answer:
        """Ask about the inquiry's pair; expenses and problems are those of both models."""
        until = self._deadline.until()
        first = await self._cheap.call(prompt, inquiry)
        if self._counts(first):
            return first
        second = await self._main.call(prompt, inquiry, until=until)
        problems = (*first.problems, *second.problems)
        return replace(second, problems=problems, escalated_from=said(first))

    async def close(self) -> None:
        """Release the client's connections, which both share."""
        await self._main.close()

    def _counts(self, answer: Answer) -> bool:
        call = answer.call
        match call:
            case Wait() | Hold(stop_price=None):
                return call.confidence_score >= self._sure_from
            case _:
                return False


def open_executor(client: LLMClient, config: LLMConfig) -> Executor:
    """Return what asks the configured model, after a cheap one if there is one."""
    asking, deadline = config.asking, deadline_of(config)
    main = FunctionExecutor(client, model=config.model, deadline=deadline)
    if not asking.cheap_model:
        return main
    cheap = FunctionExecutor(
        client,
        model=asking.cheap_model,
        deadline=replace(deadline, seconds=deadline.seconds * CHEAP_SHARE),
        by_name=True,
    )
    sure_from = asking.escalate_below_confidence
    return CheapFirst(cheap, main, sure_from=sure_from, deadline=deadline)


def said(answer: Answer) -> str:
    """Say in a few words what a model answered, such as `small-model: signal_wait 40`."""
    call = answer.call
    if call is None:
        outcome = answer.fault or "no usable answer"
    else:
        outcome = f"{call.tool} {call.confidence_score:g}"
        # Sure of a hold, it would otherwise not be seen why the main model was asked.
        if isinstance(call, Hold) and call.stop_price is not None:
            outcome += " with a stop"
    return f"{answer.model}: {outcome}"[:LONGEST_SAID]
