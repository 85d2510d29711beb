"""What a page tells of the market alone: no account, no position, no past changes a word of it."""

from collections.abc import Iterator
from typing import NamedTuple

from llm_modules.config import ContextConfig
from llm_modules.context.blocks import Block
from llm_modules.context.lines import market_line, terms_line
from llm_modules.context.numbers import price_decimals
from llm_modules.context.tables import Layout, history_table, timeframe_table
from llm_modules.domain import MarketSnapshot
from llm_modules.phrases import Phrases

DEFAULT_TIMEFRAME_ROWS = 10


# A tuple: one of each pair goes from process to process at every candle of a backtest.
class MarketPage(NamedTuple):
    """The market's part of a page; only lines of `tables` may be dropped."""

    terms: str
    market: str
    timeframes: Block
    tables: tuple[Block, ...]


def market_page(snapshot: MarketSnapshot, context: ContextConfig, phrases: Phrases) -> MarketPage:
    """Lay out what is known of a pair's market, as the configuration asks for it."""
    decimals = price_decimals(snapshot.rules.price_step)
    return MarketPage(
        terms=terms_line(snapshot, decimals),
        market=market_line(snapshot, decimals),
        timeframes=timeframe_table(snapshot, context.timeframe_columns, phrases),
        tables=tuple([one for one in _tables(snapshot, context, phrases, decimals) if one.lines]),
    )


def _tables(
    snapshot: MarketSnapshot, context: ContextConfig, phrases: Phrases, decimals: int
) -> Iterator[Block]:
    """Yield the histories that the configuration asks for, the main timeframe last."""
    # Models weigh most what stands last.
    columns = context.table_columns
    if context.include_multi_timeframe_data:
        for view in snapshot.informative:
            rows = context.multi_timeframe_history.get(view.timeframe, DEFAULT_TIMEFRAME_ROWS)
            layout = Layout(columns, rows, 0)
            yield history_table(view, "timeframe_candles", layout, decimals, phrases)
    layout = Layout(columns, context.raw_kline_history_points, context.indicator_history_points)
    yield history_table(snapshot.main, "candles", layout, decimals, phrases)
