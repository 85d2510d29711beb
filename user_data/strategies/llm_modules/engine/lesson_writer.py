"""LessonWriter: a model may word the lesson of a closed trade, later and beside everything else.

Nobody waits for it: the trade is written and the rules' own lesson told before.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from llm_modules.dialogue import Inquiry
from llm_modules.domain import Language
from llm_modules.engine.deadline import Deadline, within
from llm_modules.errors import JournalError, ProviderError
from llm_modules.journal.records import LessonRecord, TradeRecord
from llm_modules.journal.trade_logger import TradeLogger
from llm_modules.learning.experience import ExperienceLibrary
from llm_modules.learning.worded_lessons import accepted, wording_prompt
from llm_modules.llm.client import LLMClient

# Of a cheap model, and one sentence: what takes longer is not worth waiting for.
LONGEST_SECONDS = 30.0
LATEST = timedelta(hours=1)
MOST_WAITING = 10
REFUSED = "the answer is no plain sentence of advice in the language asked for"

logger = logging.getLogger(__name__)


class LessonWriter:
    """Asks a model for one sentence about a trade, one trade at a time.

    What a model writes about a trade is data like any other of its texts. Trades that closed long
    ago, while the bot was away, are not asked about, nor are more than a few waiting. Used on the
    decision thread only. What `is_played` back from a tape alone cannot come too late.
    """

    def __init__(
        self,
        client: LLMClient,
        model: str,
        language: Language,
        known: tuple[ExperienceLibrary, TradeLogger],
        clock: Callable[[], datetime],
        *,
        is_played: bool = False,
    ) -> None:
        self._client = client
        self._model = model
        self._language = language
        self._library, self._journal = known
        self._clock = clock
        self._is_played = is_played
        self._waiting = 0
        # Decisions use the same server: words must not stand in their way.
        self._turn = asyncio.Semaphore(1)

    async def word(self, record: TradeRecord) -> None:
        """Ask about one trade; a failure or a useless answer leaves the rules' lesson."""
        is_old = self._clock() - record.closed_at > LATEST
        if not record.reflection.lessons or is_old or self._waiting >= MOST_WAITING:
            return
        self._waiting += 1
        try:
            async with self._turn:
                await self._ask(record)
        finally:
            self._waiting -= 1

    async def _ask(self, record: TradeRecord) -> None:
        prompt = wording_prompt(record, self._language)
        until = Deadline(LONGEST_SECONDS, self._is_played).until()
        inquiry = Inquiry(record.pair, kind="lesson", until=until)
        try:
            async with within(until):
                reply = await self._client.ask(prompt, inquiry, model=self._model)
        except (ProviderError, TimeoutError) as error:
            fault = str(error) or f"no answer within {LONGEST_SECONDS:g} s"
            logger.warning("The lesson of trade %d keeps our words: %s", record.trade_id, fault)
            return
        text = accepted(reply.text, record, self._language)
        if text is None:
            # No fault of ours, and nothing to be done about it: the rules' words stand.
            logger.info("The lesson of trade %d keeps our words: %s", record.trade_id, REFUSED)
            return
        self._keep(record, reply.model, text, inquiry.tape_ids)

    def _keep(self, record: TradeRecord, model: str, text: str, tape_ids: tuple[str, ...]) -> None:
        line = LessonRecord(
            at=self._clock(),
            mode=record.mode,
            trade_id=record.trade_id,
            opened_at=record.opened_at,
            pair=record.pair,
            model=model,
            text=text,
            tape_ids=tape_ids,
        )
        # Memory first: the next prompt has the words even when the disk is full.
        self._library.note_wording(line)
        try:
            self._journal.lesson(line)
        except JournalError:
            logger.exception("The wording of trade %d is not in the journal", record.trade_id)
