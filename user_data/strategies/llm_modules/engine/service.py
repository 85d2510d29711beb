"""DecisionService: one daemon thread with one event loop, where all deciding and learning happens.

Freqtrade's loop hands questions in and goes on; nothing here ever makes it wait.
"""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Sequence

from llm_modules.engine.guard import contained
from llm_modules.engine.question import Question

logger = logging.getLogger(__name__)

# The supervisor gives Freqtrade 3.8 s in all.
STOP_SECONDS = 2.0

Decide = Callable[[Question], Awaitable[object]]
OnFailure = Callable[[Question, str], None]


class DecisionService:
    """Runs `decide` for many pairs at once; at most one question per pair is under way.

    `on_failure` is told why a question ended without a decision: it was cancelled, or our own
    code failed.
    """

    def __init__(
        self, decide: Decide, on_failure: OnFailure, close: Callable[[], Awaitable[None]]
    ) -> None:
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

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs; after its end nothing is decided or recorded any more."""
        return self._thread.is_alive()

    def ask(self, questions: Sequence[Question]) -> None:
        """Hand questions over; a question of the same pair that is still open is cancelled."""
        if questions:
            self._loop.call_soon_threadsafe(self._begin, tuple(questions))

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

    def _begin(self, questions: tuple[Question, ...]) -> None:
        for question in questions:
            earlier = self._running.get(question.pair)
            if earlier is not None:
                earlier.cancel()
            self._running[question.pair] = self._loop.create_task(self._answer(question))

    async def _answer(self, question: Question) -> None:
        try:
            with contained(f"Deciding about {question.pair}") as outcome:
                await self._decide(question)
            if outcome.error is not None:
                self._on_failure(question, f"internal: {type(outcome.error).__name__}")
        except asyncio.CancelledError:
            self._on_failure(question, "aborted: the bot stopped or the next candle came first")
        finally:
            # A newer question of the pair may stand here already.
            if self._running.get(question.pair) is asyncio.current_task():
                del self._running[question.pair]

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
