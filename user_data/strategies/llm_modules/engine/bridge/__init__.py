"""Freqtrade's objects in our words; beside the strategy, the only room that knows them."""

from llm_modules.engine.bridge.market import (
    candles,
    demand_protections,
    locked_sides,
    market_rules,
    newest_close,
    newest_funding_rate,
    run_mode,
)
from llm_modules.engine.bridge.trades import (
    anchor_stop,
    closed_trade,
    is_tighter,
    open_position,
    open_profit,
    store_exit,
    store_thesis,
    stored_thesis,
)
from llm_modules.engine.bridge.view import View, decision_id, now

__all__ = [
    "View",
    "anchor_stop",
    "candles",
    "closed_trade",
    "decision_id",
    "demand_protections",
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
    "store_thesis",
    "stored_thesis",
]
