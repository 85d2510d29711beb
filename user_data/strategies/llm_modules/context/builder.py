"""Snapshot, account, position and experience become one prompt within the token budget."""

from collections.abc import Iterator
from dataclasses import replace

from llm_modules.config import ContextConfig, RiskConfig
from llm_modules.context.blocks import QUOTED_KINDS, Block
from llm_modules.context.budget import drop, prompt_weight, tokens, weight_of_tokens
from llm_modules.context.lines import (
    account_line,
    market_lines,
    position_lines,
    timeframe_line,
)
from llm_modules.context.numbers import price_decimals
from llm_modules.context.past import past_blocks
from llm_modules.context.quoting import fence_id, one_word
from llm_modules.context.tables import candle_table, indicator_table
from llm_modules.context.templates import PromptTemplates, UserPage
from llm_modules.domain import (
    AccountState,
    Experience,
    MarketSnapshot,
    Message,
    OpenPosition,
    Prompt,
    Stance,
    ToolSpec,
)
from llm_modules.errors import ContextBudgetError

DEFAULT_TIMEFRAME_ROWS = 10


class ContextBuilder:
    """Builds the two messages of a question: a stable system prompt, then the volatile facts.

    The same inputs give the same bytes. Raises ConfigError at construction when a template
    cannot be parsed or names what does not exist.
    """

    def __init__(self, context: ContextConfig, risk: RiskConfig) -> None:
        self._context = context
        self._risk = risk
        self._limit = weight_of_tokens(context.max_context_tokens)
        # Here, so that a bad template stops the start and not the first candle.
        self._templates = PromptTemplates(risk)

    def build(
        self,
        snapshot: MarketSnapshot,
        account: AccountState,
        position: OpenPosition | None,
        experience: Experience,
        tools: tuple[ToolSpec, ...],
    ) -> Prompt:
        """Return the prompt for one pair at one candle.

        Raises ContextBudgetError when what may not be dropped exceeds `max_context_tokens`.
        """
        stance: Stance = "in_position" if position else "flat"
        system = Message("system", self._templates.system(stance))
        page = self._page(snapshot, account, position)
        thesis = position.thesis if position else None
        blocks = (*self._tables(snapshot), *past_blocks(snapshot.pair, thesis, experience))
        # Usually one or two rounds: a template may add to each line what the measure did not know.
        while True:
            prompt = Prompt((system, self._user_message(page, blocks)), tools)
            excess = prompt_weight(prompt) - self._limit
            if excess <= 0:
                return prompt
            blocks = self._fewer(blocks, excess)

    def _page(
        self, snapshot: MarketSnapshot, account: AccountState, position: OpenPosition | None
    ) -> UserPage:
        """Return all of the user message that may not be dropped."""
        decimals = price_decimals(snapshot.rules.price_step)
        return UserPage(
            pair=one_word(snapshot.pair),
            market=market_lines(snapshot, decimals),
            timeframes=tuple(
                timeframe_line(view, snapshot, decimals) for view in snapshot.informative
            ),
            account=account_line(account, self._risk),
            position=position_lines(position, snapshot, decimals) if position else (),
        )

    def _tables(self, snapshot: MarketSnapshot) -> Iterator[Block]:
        """Yield the histories that the configuration asks for, the main timeframe last."""
        # Models weigh most what stands last.
        context = self._context
        decimals = price_decimals(snapshot.rules.price_step)
        if context.include_multi_timeframe_data:
            for view in snapshot.informative:
                rows = context.multi_timeframe_history.get(view.timeframe, DEFAULT_TIMEFRAME_ROWS)
                yield candle_table(view, "timeframe_candles", rows, decimals)
        yield indicator_table(snapshot.main, context.indicator_history_points)
        if context.raw_kline_history_points:
            yield candle_table(snapshot.main, "candles", context.raw_kline_history_points, decimals)

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
