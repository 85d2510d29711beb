"""A page: all that is told of one pair, what may not be dropped and what may."""

from collections.abc import Iterator
from dataclasses import dataclass

from llm_modules.config import ContextConfig
from llm_modules.context.blocks import LASTING_KINDS, PASSING_KINDS, TABLE_KINDS, Block
from llm_modules.context.lines import (
    account_line,
    change_lines,
    market_line,
    position_line,
    terms_line,
    thesis_line,
)
from llm_modules.context.numbers import price_decimals
from llm_modules.context.past import PastPages
from llm_modules.context.quoting import one_word, quotes
from llm_modules.context.tables import Layout, history_table, timeframe_table
from llm_modules.context.templates import UserPage
from llm_modules.context.wording import context_phrases
from llm_modules.domain import AccountState, Change, Experience, MarketSnapshot, OpenPosition

DEFAULT_TIMEFRAME_ROWS = 10


@dataclass(frozen=True, slots=True)
class PairView:
    """One pair as it is to be shown; `changes` compare the market at the entry with now.

    They are told only with a position.
    """

    snapshot: MarketSnapshot
    position: OpenPosition | None
    experience: Experience
    changes: tuple[Change, ...] = ()


class Pages:
    """Lays out what is known of a pair, as the configuration asks for it."""

    def __init__(self, context: ContextConfig) -> None:
        self._context = context
        self._phrases = context_phrases(context.language)
        self._past = PastPages(self._phrases)

    def facts(self, view: PairView, account: AccountState | None) -> UserPage:
        """Return what may not be dropped; without an account where it is told elsewhere."""
        snapshot, position = view.snapshot, view.position
        decimals = price_decimals(snapshot.rules.price_step)
        thesis = position.thesis if position else None
        now: tuple[str, ...] = ()
        if position:
            state = position_line(position, snapshot, decimals)
            now = (state, *change_lines(view.changes, decimals, self._phrases))
        return UserPage(
            pair=one_word(snapshot.pair),
            terms=terms_line(snapshot, decimals),
            thesis=thesis_line(thesis, decimals) if thesis else "",
            account=account_line(account) if account else "",
            position=now,
            market=market_line(snapshot, decimals),
            timeframes=timeframe_table(snapshot, self._context.timeframe_columns, self._phrases),
        )

    def blocks(self, view: PairView) -> tuple[Block, ...]:
        """Return what may be dropped, line by line: histories and the past."""
        thesis = view.position.thesis if view.position else None
        past = self._past.blocks(view.snapshot.pair, thesis, view.experience)
        return (*(table for table in self._tables(view.snapshot) if table.lines), *past)

    def _tables(self, snapshot: MarketSnapshot) -> Iterator[Block]:
        """Yield the histories that the configuration asks for, the main timeframe last."""
        # Models weigh most what stands last.
        context, phrases = self._context, self._phrases
        columns = context.table_columns
        decimals = price_decimals(snapshot.rules.price_step)
        if context.include_multi_timeframe_data:
            for view in snapshot.informative:
                rows = context.multi_timeframe_history.get(view.timeframe, DEFAULT_TIMEFRAME_ROWS)
                layout = Layout(columns, rows, 0)
                yield history_table(view, "timeframe_candles", layout, decimals, phrases)
        layout = Layout(columns, context.raw_kline_history_points, context.indicator_history_points)
        yield history_table(snapshot.main, "candles", layout, decimals, phrases)


def filled(page: UserPage, blocks: tuple[Block, ...]) -> UserPage:
    """Return a page with the blocks that fit, others' words fenced."""
    told = {
        "tables": tuple([block for block in blocks if block.kind in TABLE_KINDS]),
        "lasting": quotes([block for block in blocks if block.kind in LASTING_KINDS]),
        "passing": quotes([block for block in blocks if block.kind in PASSING_KINDS]),
    }
    return UserPage(**{**vars(page), **told})
