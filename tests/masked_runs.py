"""Masked runs of the shipped market, and a model that sees only what scaling does not change."""

import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from freqtrade.enums import RunMode
from freqtrade.exchange.exchange_types import LeverageTier
from freqtrade.resolvers import ExchangeResolver

from backtests import PAIRS
from llm_modules.backtest.masking import Masked, masked
from llm_modules.backtest.offline import sample_markets
from llm_modules.dialogue import Expense, Inquiry, Prompt, Reply, ToolRequest, Usage
from llm_modules.engine.startup import utc_now

MODEL = "scale-free"
NUMBER = re.compile(r"(?<![\w.])(pair|price|rsi|held_candles|side|profit_pct)=(\S+)")


@cache
def shipped_tiers() -> dict[str, list[LeverageTier]]:
    """Freqtrade's leverage tiers of the shipped pairs; without asking for any market."""
    config = {
        "exchange": {"name": "binance", "pair_whitelist": list(PAIRS)},
        "dry_run": True,
        "stake_currency": "USDT",
        "trading_mode": "futures",
        "margin_mode": "isolated",
        "runmode": RunMode.BACKTEST,
    }
    exchange = ExchangeResolver.load_exchange(config, validate=False, load_leverage_tiers=True)
    return {pair: exchange._leverage_tiers[pair] for pair in PAIRS}


def masked_run(config: dict[str, Any], folder: Path) -> Masked:
    return masked(config, sample_markets(), shipped_tiers(), folder / "masked")


class ScaleFree:
    """Enters on RSI with stops as shares of the price, adds once, exits after four candles."""

    def __init__(self) -> None:
        self.prompts: list[Prompt] = []

    async def ask(
        self, prompt: Prompt, inquiry: Inquiry | None = None, *, model: str | None = None
    ) -> Reply:
        self.prompts.append(prompt)
        usage = Usage(0, 0)
        if inquiry is not None:
            inquiry.expenses.append(Expense(utc_now(), "", MODEL, 0.0, usage, cost=0.0))
        name, arguments = self._decide(prompt)
        return Reply(
            "", (ToolRequest("1", name, json.dumps(arguments)),), "tool_calls", MODEL, usage
        )

    async def close(self) -> None:
        pass

    def _decide(self, prompt: Prompt) -> tuple[str, dict[str, Any]]:
        facts: dict[str, str] = {}
        for key, value in NUMBER.findall(prompt.messages[-1].content):
            facts.setdefault(key, value)
        rsi, price = float(facts["rsi"]), float(facts["price"])
        base = {
            "pair": facts["pair"],
            "confidence_score": 70,
            "rsi_value": rsi,
            "reason": "RSI says so",
        }
        if "side" in facts:
            if float(facts["held_candles"]) < 4:
                return "signal_hold", base
            return "signal_exit", base | {"trade_score": 50}
        if 45 < rsi < 55:
            return "signal_wait", base
        sign = 1 if rsi >= 55 else -1
        return ("signal_entry_long" if sign > 0 else "signal_entry_short"), base | {
            "leverage": 5,
            "stake_amount": 500,
            "key_support": price * 0.99,
            "key_resistance": price * 1.01,
            "trend_strength": "weak",
            "stop_price": price * (1 - sign * 0.006),
        }


def texts(prompts: Sequence[Prompt]) -> list[str]:
    """Everything a model was shown, tools included."""
    return [
        "\n".join(
            [*(one.content for one in prompt.messages), *(str(tool) for tool in prompt.tools)]
        )
        for prompt in prompts
    ]
