"""One prompt about several pairs: the account once, then each pair with its market and past."""

from collections.abc import Sequence
from dataclasses import dataclass

from llm_modules.dialogue import Prompt, ToolSpec
from llm_modules.domain import AccountState, Change, Experience, MarketSnapshot, OpenPosition


@dataclass(frozen=True, slots=True)
class PairView:
    """One of the pairs, as a question about it alone would show it."""

    snapshot: MarketSnapshot
    position: OpenPosition | None
    experience: Experience
    changes: tuple[Change, ...]


class PortfolioContext:
    """Being built."""

    def build(
        self, views: Sequence[PairView], account: AccountState, tools: tuple[ToolSpec, ...]
    ) -> Prompt:
        """Return the prompt about all pairs."""
        raise NotImplementedError
