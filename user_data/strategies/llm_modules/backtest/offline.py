"""Markets without a network: what an exchange would tell of its contracts, told by us."""

from collections.abc import Mapping, Sequence
from typing import Any

import ccxt

from llm_modules.sandbox.contracts import CONTRACTS
from llm_modules.sandbox.shapes import exchange_info

Market = Mapping[str, Any]


def sample_markets() -> tuple[Market, ...]:
    """Return the contracts of the recorded sample, as ccxt describes Binance's."""
    symbols = exchange_info(CONTRACTS, 0)["symbols"]
    return tuple(ccxt.binance().parse_markets(symbols))


def without_network(config: Mapping[str, Any], markets: Sequence[Market]) -> dict[str, Any]:
    """Return a Freqtrade configuration that asks no exchange which markets there are."""

    async def fetch_markets(_params: Mapping[str, Any] | None = None) -> list[Market]:
        return list(markets)

    answers = {"fetch_markets": fetch_markets}
    exchange = {**config["exchange"], "ccxt_config": {}, "ccxt_async_config": answers}
    return {**config, "exchange": exchange}
