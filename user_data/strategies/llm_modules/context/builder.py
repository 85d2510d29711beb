"""Snapshot, account, position and experience become one prompt within the token budget."""

from collections.abc import Iterator
from dataclasses import replace

from llm_modules.config import ContextConfig, RiskConfig
from llm_modules.context.blocks import QUOTED_KINDS, Block
from llm_modules.context.budget import drop, prompt_weight
from llm_modules.context.lines import (
    account_line,
    change_lines,
    market_lines,
    position_lines,
    timeframe_line,
)
from llm_modules.context.numbers import price_decimals
from llm_modules.context.past import past_blocks
from llm_modules.context.quoting import fence_id, one_word
from llm_modules.context.tables import candle_table, indicator_table
from llm_modules.context.templates import PromptTemplates, UserPage
from llm_modules.context.wording import context_phrases
from llm_modules.dialogue import Message, Prompt, ToolSpec
from llm_modules.domain import (
    AccountState,
    Change,
    Experience,
    MarketSnapshot,
    OpenPosition,
    Stance,
)
from llm_modules.errors import ContextBudgetError
from llm_modules.weights import tokens, weight_of_tokens

DEFAULT_TIMEFRAME_ROWS = 10


class ContextBuilder:
    """Builds the two messages of a question: a stable system prompt, then the volatile facts.

    Both are in the configured language; keys, codes and tools are the same in all. The same inputs
    give the same bytes. Raises ConfigError at construction when a template
    cannot be parsed or names what does not exist.
    """

    def __init__(self, context: ContextConfig, risk: RiskConfig) -> None:
        self._context = context
        self._limit = weight_of_tokens(context.max_context_tokens)
        # Here, so that a bad template stops the start and not the first candle.
        self._templates = PromptTemplates(risk, context.language)
        self._phrases = context_phrases(context.language)

    def build(
        self,
        snapshot: MarketSnapshot,
        account: AccountState,
        position: OpenPosition | None,
        experience: Experience,
        tools: tuple[ToolSpec, ...],
        changes: tuple[Change, ...] = (),
    ) -> Prompt:
        """Return the prompt for one pair at one candle.

        `changes` compare the market at the position's entry with now; told only with a position.
        Raises ContextBudgetError when what may not be dropped exceeds `max_context_tokens`.
        """
        stance: Stance = "in_position" if position else "flat"
        system = Message("system", self._templates.system(stance))
        held = self._position(position, snapshot, changes) if position else ()
        page = self._page(snapshot, account, held)
        thesis = position.thesis if position else None
        past = past_blocks(snapshot.pair, thesis, experience, self._phrases)
        blocks = (*self._tables(snapshot), *past)
        # Usually one or two rounds: a template may add to each line what the measure did not know.
        while True:
            prompt = Prompt((system, self._user_message(page, blocks)), tools)
            excess = prompt_weight(prompt) - self._limit
            if excess <= 0:
                return prompt
            blocks = self._fewer(blocks, excess)

    def _page(
        self, snapshot: MarketSnapshot, account: AccountState, position: tuple[str, ...]
    ) -> UserPage:
        """Return what may not be dropped; `position` are its lines, none while flat."""
        decimals = price_decimals(snapshot.rules.price_step)
        return UserPage(
            pair=one_word(snapshot.pair),
            market=market_lines(snapshot, decimals),
            timeframes=tuple(
                timeframe_line(view, snapshot, decimals) for view in snapshot.informative
            ),
            account=account_line(account),
            position=position,
        )

    def _position(
        self, position: OpenPosition, snapshot: MarketSnapshot, changes: tuple[Change, ...]
    ) -> tuple[str, ...]:
        """Return the position, its thesis and how the market changed since; none may be dropped."""
        decimals = price_decimals(snapshot.rules.price_step)
        state = position_lines(position, snapshot, decimals)
        return (*state, *change_lines(changes, decimals, self._phrases))

    def _tables(self, snapshot: MarketSnapshot) -> Iterator[Block]:
        """Yield the histories that the configuration asks for, the main timeframe last."""
        # Models weigh most what stands last.
        context = self._context
        decimals = price_decimals(snapshot.rules.price_step)
        if context.include_multi_timeframe_data:
            for view in snapshot.informative:
                rows = context.multi_timeframe_history.get(view.timeframe, DEFAULT_TIMEFRAME_ROWS)
                yield candle_table(view, "timeframe_candles", rows, decimals, self._phrases)
        yield indicator_table(snapshot.main, context.indicator_history_points, self._phrases)
        rows = context.raw_kline_history_points
        if rows:
            yield candle_table(snapshot.main, "candles", rows, decimals, self._phrases)

    def _user_message(self, page: UserPage, blocks: tuple[Block, ...]) -> Message:
        quoted = tuple(block for block in blocks if block.kind in QUOTED_KINDS)
        filled = replace(
            page,
            tables=tuple(block for block in blocks if block.kind not in QUOTED_KINDS),
            quoted=quoted,
            quoted_id=fence_id([line for block in quoted for line in block.lines]),
        )
        return Message("user", self._templates.user(filled))

    def _fewer(self, blocks: tuple[Block, ...], excess: int) -> tuple[Block, ...]:
        """Drop lines of so much weight; raises ContextBudgetError when none may go any more."""
        fewer = drop(blocks, excess)
        if fewer == blocks:
            raise ContextBudgetError(
                f"the facts alone need {tokens(self._limit + excess)} tokens: raise "
                f"context_config.max_context_tokens, now {self._context.max_context_tokens}"
            )
        return fewer
