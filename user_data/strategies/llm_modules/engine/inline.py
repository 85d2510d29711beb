"""InlineService: decisions made while Freqtrade waits, all at once, each time the same way.

For a backtest: its candle is over when every pair is decided, and what goes wrong ends it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence

from llm_modules.engine.question import Question
from llm_modules.engine.service import Close, Decide, OnFailure


class InlineService:
    """Runs everything in the caller's thread, before the call returns; errors are the caller's.

    Questions that are asked together are asked at once, and concluded in the order they came in.
    """

    def __init__(self, decide: Decide, _on_failure: OnFailure, close: Close) -> None:
        self._decide = decide
        self._close = close
        self._runner = asyncio.Runner()

    @property
    def is_alive(self) -> bool:
        """Always: there is no thread that could die."""
        return True

    def start(self) -> None:
        """Nothing to begin."""

    def ask(self, questions: Sequence[Question], *, together: bool = False) -> None:  # noqa: ARG002 - one prompt or several, they come together
        """Decide all questions and return."""
        if questions:
            self._run(self._all(tuple(questions)))

    def soon(self, work: Callable[[], object], what: str) -> None:  # noqa: ARG002 - no error to name
        """Do it now."""
        work()

    def spawn(self, work: Callable[[], Awaitable[None]], what: str) -> None:  # noqa: ARG002 - no error to name
        """Do it now and wait for it."""
        self._run(_awaited(work))

    def stop(self) -> bool:
        """Cancel what an interruption left under way, and close the model's connections."""
        for task in asyncio.all_tasks(self._runner.get_loop()):
            task.cancel()
        self._run(_awaited(self._close))
        self._runner.close()
        return True

    def _run(self, work: Coroutine[None, None, None]) -> None:
        # Not the runner's own run: it sets a signal handler each time, which is dear.
        self._runner.get_loop().run_until_complete(work)

    async def _all(self, questions: tuple[Question, ...]) -> None:
        await self._decide(questions, lambda _question: None)


async def _awaited(work: Callable[[], Awaitable[None]]) -> None:
    await work()
