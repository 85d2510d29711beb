"""DecisionService: one daemon thread with one event loop, where all deciding and learning happens.

Freqtrade's loop hands questions in and goes on; nothing here ever makes it wait. A backtest has
InlineService instead.
"""

import asyncio
import gc
import logging
import threading
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol

from llm_modules.engine.guard import contained
from llm_modules.engine.question import Question

logger = logging.getLogger(__name__)

# The supervisor gives Freqtrade 3.8 s in all.
STOP_SECONDS = 2.0

Questions = tuple[Question, ...]
Decided = Callable[[Question], None]
Decide = Callable[[Questions, Decided], Awaitable[object]]
OnFailure = Callable[[Question, str], None]


Close = Callable[[], Awaitable[None]]


class Service(Protocol):
    """Whatever runs decisions, and the recording and learning that follow from them."""

    @property
    def is_alive(self) -> bool:
        """Whether anything handed in is still going to be done."""
        ...

    def start(self) -> None:
        """Begin."""
        ...

    def ask(self, questions: Sequence[Question], *, together: bool = False) -> None:
        """Have questions decided, with one prompt where that is wished."""
        ...

    def soon(self, work: Callable[[], object], what: str) -> None:
        """Run a short piece of work."""
        ...

    def spawn(self, work: Callable[[], Awaitable[None]], what: str) -> None:
        """Run work that may wait."""
        ...

    def stop(self) -> bool:
        """End; tells whether it worked."""
        ...


OpenService = Callable[[Decide, OnFailure, Close], Service]


class DecisionService:
    """Runs `decide` for many pairs at once; at most one question per pair is under way.

    `decide` gets the questions that are asked together, one unless asked for otherwise, and tells
    of each that it is decided. `on_failure` is told why a question ended without a decision: it was
    cancelled, or our own code failed.
    """

    def __init__(self, decide: Decide, on_failure: OnFailure, close: Close) -> None:
        self._decide = decide
        self._on_failure = on_failure
        self._close = close
        self._running: dict[str, asyncio.Task[None]] = {}
        # A loop forgets tasks that nobody else holds.
        self._background: set[asyncio.Task[None]] = set()
        # Made here so that questions can be queued before the thread runs.
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="llm-decisions", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()
        _spare_the_loop()

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs; after its end nothing is decided or recorded any more."""
        return self._thread.is_alive()

    def ask(self, questions: Sequence[Question], *, together: bool = False) -> None:
        """Hand questions over; what is still open about one of their pairs is cancelled."""
        groups = (tuple(questions),) if together else tuple((one,) for one in questions)
        if questions:
            self._loop.call_soon_threadsafe(self._begin, groups)

    def soon(self, work: Callable[[], object], what: str) -> None:
        """Run a short piece of work on the thread, such as recording an outcome."""
        self._loop.call_soon_threadsafe(self._shielded, work, what)

    def spawn(self, work: Callable[[], Awaitable[None]], what: str) -> None:
        """Run work that may wait, such as learning from a closed trade; the end cancels it."""
        self._loop.call_soon_threadsafe(self._spawned, work, what)

    def stop(self) -> bool:
        """End the thread within two seconds, cancelling what is under way; tells if it ended."""
        if not self._thread.is_alive():
            return True
        asyncio.run_coroutine_threadsafe(self._wind_up(), self._loop)
        self._thread.join(STOP_SECONDS)
        return not self._thread.is_alive()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    def _begin(self, groups: Sequence[Questions]) -> None:
        for group in groups:
            pairs = [question.pair for question in group]
            for earlier in {self._running[pair] for pair in pairs if pair in self._running}:
                earlier.cancel()
            pending = list(group)
            task = self._loop.create_task(self._answer(group, pending))
            task.add_done_callback(partial(self._ended, group, pending))
            self._running |= dict.fromkeys(pairs, task)

    async def _answer(self, group: Questions, pending: list[Question]) -> None:
        with contained(f"Deciding about {', '.join(one.pair for one in group)}") as outcome:
            await self._decide(group, pending.remove)
        if outcome.error is not None:
            self._fail(pending, f"internal: {type(outcome.error).__name__}")

    def _ended(
        self, group: Questions, pending: Sequence[Question], task: asyncio.Task[None]
    ) -> None:
        # A newer question of a pair may stand here already.
        for question in group:
            if self._running.get(question.pair) is task:
                del self._running[question.pair]
        # Not in the task itself: one that is cancelled before its first step never runs.
        if task.cancelled():
            self._fail(pending, "aborted: the bot stopped or the next candle came first")

    def _fail(self, pending: Sequence[Question], fault: str) -> None:
        for question in pending:
            self._on_failure(question, fault)

    def _shielded(self, work: Callable[[], object], what: str) -> None:
        with contained(what):
            work()

    def _spawned(self, work: Callable[[], Awaitable[None]], what: str) -> None:
        task = self._loop.create_task(self._sheltered(work, what))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _sheltered(self, work: Callable[[], Awaitable[None]], what: str) -> None:
        with contained(what):
            await work()

    async def _wind_up(self) -> None:
        # Wordings too: nothing may write once the journals are closed.
        tasks = (*self._running.values(), *self._background)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contained("Closing the model's connections"):
            await self._close()
        self._loop.stop()


def _spare_the_loop() -> None:
    """Exempt what lives for ever from garbage collection.

    With Freqtrade's modules a full collection takes 0.2 s and holds every thread, again and again;
    frozen, what was loaded at the start is not looked at any more.
    """
    gc.collect()
    gc.freeze()
