"""Freqtrade's objects in our words; beside the strategy, the only room that knows them."""

from llm_modules.engine.bridge.demands import (
    STOPS_ON_EXCHANGE,
    demand_permission,
    demand_protections,
)
from llm_modules.engine.bridge.market import (
    CANDLE_ROWS,
    candles,
    locked_sides,
    market_rules,
    newest_close,
    newest_funding_rate,
    run_mode,
)
from llm_modules.engine.bridge.reviews import store_reviews
from llm_modules.engine.bridge.source import Newest, Source, tiers_of
from llm_modules.engine.bridge.trades import (
    anchor_stop,
    closed_since,
    closed_trade,
    is_closing,
    is_tighter,
    open_position,
    open_profit,
    store_exit,
    store_thesis,
    stored_thesis,
)
from llm_modules.engine.bridge.view import View, now

__all__ = [
    "CANDLE_ROWS",
    "STOPS_ON_EXCHANGE",
    "Newest",
    "Source",
    "View",
    "anchor_stop",
    "candles",
    "closed_since",
    "closed_trade",
    "demand_permission",
    "demand_protections",
    "is_closing",
    "is_tighter",
    "locked_sides",
    "market_rules",
    "newest_close",
    "newest_funding_rate",
    "now",
    "open_position",
    "open_profit",
    "run_mode",
    "store_exit",
    "store_reviews",
    "store_thesis",
    "stored_thesis",
    "tiers_of",
]
