"""A page: all that is told of one pair, what may not be dropped and what may."""

from dataclasses import dataclass

from llm_modules.config import ContextConfig
from llm_modules.context.blocks import LASTING_KINDS, PASSING_KINDS, TABLE_KINDS, Block
from llm_modules.context.lines import (
    account_line,
    change_lines,
    position_line,
    thesis_line,
)
from llm_modules.context.market_page import MarketPage, market_page
from llm_modules.context.numbers import price_decimals
from llm_modules.context.past import PastPages
from llm_modules.context.quoting import one_word, quotes
from llm_modules.context.templates import UserPage
from llm_modules.context.wording import context_phrases
from llm_modules.domain import AccountState, Change, Experience, MarketSnapshot, OpenPosition


@dataclass(frozen=True, slots=True)
class PairView:
    """One pair as it is to be shown; `changes` compare the market at the entry with now.

    They are told only with a position. `market_page` is of this very snapshot, None where it has
    still to be laid out.
    """

    snapshot: MarketSnapshot
    position: OpenPosition | None
    experience: Experience
    changes: tuple[Change, ...] = ()
    market_page: MarketPage | None = None


class Pages:
    """Lays out what is known of a pair, as the configuration asks for it."""

    def __init__(self, context: ContextConfig) -> None:
        self._context = context
        self._phrases = context_phrases(context.language)
        self._past = PastPages(self._phrases)

    def market_page(self, snapshot: MarketSnapshot) -> MarketPage:
        """Lay out the market alone."""
        return market_page(snapshot, self._context, self._phrases)

    def page(
        self, view: PairView, account: AccountState | None
    ) -> tuple[UserPage, tuple[Block, ...]]:
        """Return what may not be dropped, and what may, line by line: histories and the past.

        Without an account where it is told elsewhere.
        """
        told = view.market_page or self.market_page(view.snapshot)
        thesis = view.position.thesis if view.position else None
        past = self._past.blocks(view.snapshot.pair, thesis, view.experience)
        return self._facts(view, told, account), (*told.tables, *past)

    def _facts(self, view: PairView, told: MarketPage, account: AccountState | None) -> UserPage:
        snapshot, position = view.snapshot, view.position
        decimals = price_decimals(snapshot.rules.price_step)
        thesis = position.thesis if position else None
        now: tuple[str, ...] = ()
        if position:
            state = position_line(position, snapshot, decimals)
            now = (state, *change_lines(view.changes, decimals, self._phrases))
        return UserPage(
            pair=one_word(snapshot.pair),
            terms=told.terms,
            thesis=thesis_line(thesis, decimals) if thesis else "",
            account=account_line(account) if account else "",
            position=now,
            market=told.market,
            timeframes=told.timeframes,
        )


def filled(page: UserPage, blocks: tuple[Block, ...]) -> UserPage:
    """Return a page with the blocks that fit, others' words fenced."""
    told = {
        "tables": tuple([block for block in blocks if block.kind in TABLE_KINDS]),
        "lasting": quotes([block for block in blocks if block.kind in LASTING_KINDS]),
        "passing": quotes([block for block in blocks if block.kind in PASSING_KINDS]),
    }
    return UserPage(**{**vars(page), **told})
