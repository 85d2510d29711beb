"""Snapshot, account, position and experience become one prompt within the token budget."""

from pathlib import Path

from llm_modules.config import ContextConfig, RiskConfig
from llm_modules.context.blocks import Block
from llm_modules.context.budget import drop, excess_weight
from llm_modules.context.pages import Pages, PairView, filled
from llm_modules.context.templates import PromptTemplates
from llm_modules.dialogue import Message, Prompt, ToolSpec
from llm_modules.domain import AccountState, Stance
from llm_modules.errors import ContextBudgetError
from llm_modules.weights import tokens, weight_of_tokens


class ContextBuilder:
    """Builds the two messages of a question: a stable system prompt, then the facts.

    What changes least comes first in the second too, so that a provider's cache serves most of a
    question that follows another about the same pair: terms, what the past taught, the higher
    timeframes; then what each candle changes, the facts that weigh most at the very end.

    Both are in the configured language; keys, codes and tools are the same in all. The same inputs
    give the same bytes. `prompts` is the folder of the user's own templates. Raises ConfigError at
    construction when a template cannot be parsed or names what does not exist.
    """

    def __init__(
        self, context: ContextConfig, risk: RiskConfig, prompts: Path | None = None
    ) -> None:
        self._limit = weight_of_tokens(context.max_context_tokens)
        # Here, so that a bad template stops the start and not the first candle.
        self._templates = PromptTemplates(risk, context.language, own=prompts)
        self._pages = Pages(context)

    @property
    def templates(self) -> str:
        """The version of the templates in use, which every record names."""
        return self._templates.version

    def build(self, view: PairView, account: AccountState, tools: tuple[ToolSpec, ...]) -> Prompt:
        """Return the prompt for one pair at one candle.

        Raises ContextBudgetError when what may not be dropped exceeds `max_context_tokens`.
        """
        stance: Stance = "in_position" if view.position else "flat"
        system = Message("system", self._templates.system(stance))
        page, blocks = self._pages.page(view, account)
        # Usually one or two rounds: a template may add to each line what the measure did not know.
        while True:
            user = Message("user", self._templates.user(filled(page, blocks)))
            prompt = Prompt((system, user), tools, templates=self.templates)
            excess = excess_weight(prompt, self._limit)
            if not excess:
                return prompt
            blocks = fewer(blocks, excess, self._limit)


def fewer(blocks: tuple[Block, ...], excess: int, limit: int) -> tuple[Block, ...]:
    """Drop lines of so much weight; raises ContextBudgetError when none may go any more."""
    left = drop(blocks, excess)
    if left == blocks:
        raise ContextBudgetError(
            f"the facts alone need {tokens(limit + excess)} tokens: raise "
            f"context_config.max_context_tokens, now {tokens(limit)}"
        )
    return left
