"""One prompt about several pairs: each with its market and past, the account once."""

import math
from collections.abc import Sequence
from pathlib import Path

from llm_modules.config import ContextConfig, RiskConfig
from llm_modules.context.blocks import Block
from llm_modules.context.budget import drop, excess_weight
from llm_modules.context.lines import account_line
from llm_modules.context.pages import Pages, PairView, filled
from llm_modules.context.templates import PromptTemplates
from llm_modules.dialogue import Message, Prompt, ToolSpec
from llm_modules.domain import AccountState
from llm_modules.errors import ContextBudgetError
from llm_modules.weights import tokens, weight_of_tokens


class PortfolioContext:
    """Builds the question about all pairs of a candle, in the words of questions about one.

    `max_context_tokens` bounds it whole: with many pairs each of them is told in fewer lines.
    Raises ConfigError at construction as ContextBuilder does, and takes the same folder.
    """

    def __init__(
        self, context: ContextConfig, risk: RiskConfig, prompts: Path | None = None
    ) -> None:
        self._limit = weight_of_tokens(context.max_context_tokens)
        self._templates = PromptTemplates(risk, context.language, own=prompts)
        self._pages = Pages(context)

    def build(
        self, views: Sequence[PairView], account: AccountState, tools: tuple[ToolSpec, ...]
    ) -> Prompt:
        """Return the prompt about all pairs; `tools` are those of every stance among them.

        Raises ContextBudgetError when what may not be dropped exceeds `max_context_tokens`.
        """
        laid_out = [self._pages.page(view, None) for view in views]
        pages, blocks = [page for page, _ in laid_out], [own for _, own in laid_out]
        system = Message("system", self._templates.system("portfolio"))
        common = account_line(account)
        while True:
            told = [filled(page, own) for page, own in zip(pages, blocks, strict=True)]
            user = Message("user", self._templates.portfolio(told, common))
            version = self._templates.version
            prompt = Prompt((system, user), tools, several=True, templates=version)
            excess = excess_weight(prompt, self._limit)
            if not excess:
                return prompt
            blocks = self._fewer(blocks, excess)

    def _fewer(self, blocks: list[tuple[Block, ...]], excess: int) -> list[tuple[Block, ...]]:
        """Drop as much from each pair, or raise ContextBudgetError when no line may go any more."""
        left = [drop(own, math.ceil(excess / len(blocks))) for own in blocks]
        if left == blocks:
            raise ContextBudgetError(
                f"the facts of {len(blocks)} pairs need {tokens(self._limit + excess)} tokens: "
                f"raise context_config.max_context_tokens, now {tokens(self._limit)}"
            )
        return left
