"""The rules of a masked market: as strict as the real ones, and nameless."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from llm_modules.backtest.masking.disguise import Disguise
from llm_modules.backtest.offline import Market

# What Freqtrade and ccxt read of a contract and what is the same for all of them.
COMMON = (
    "quote", "quoteId", "settle", "settleId", "type", "spot", "margin", "swap", "future", "option",
    "active", "contract", "linear", "inverse", "subType", "taker", "maker", "contractSize",
    "marginModes",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CommonLimits:
    """What all masked pairs demand alike: their own limits would tell them apart.

    The strictest of each: the largest of the smallest orders in quote currency, and the smallest
    of the highest leverages, None where the exchange tells none.
    """

    least_cost: float
    most_leverage: float | None


def masked_markets(markets: Sequence[Market], disguise: Disguise) -> tuple[Market, ...]:
    """Return the markets of the masked pairs, in ccxt's words.

    Prices move in powers of ten, of which every masked price is a multiple.
    """
    own = [market for market in markets if market["symbol"] in disguise.names]
    costs = [float(_limit(market, "cost", "min") or 0.0) for market in own]
    leverages = [float(most) for market in own if (most := _limit(market, "leverage", "max"))]
    common = CommonLimits(max(costs, default=0.0), min(leverages, default=None))
    return tuple(_masked(market, disguise, common) for market in own)


def price_step(market: Market, factor: Decimal) -> Decimal:
    """Return the power of ten whose multiples are the masked prices."""
    # The tick itself would give the real digits away: price / tick.
    exponent = (_decimal(market["precision"]["price"]) * factor).normalize().as_tuple().exponent
    return Decimal(1).scaleb(int(exponent))


def _masked(market: Market, disguise: Disguise, common: CommonLimits) -> Market:
    pair = market["symbol"]
    name, factor = disguise.names[pair], disguise.factors[pair]
    base = name.partition("/")[0]
    symbol = f"{base}{market['quote']}"
    precision = {
        "amount": float(_decimal(market["precision"]["amount"]) / factor),
        "price": float(price_step(market, factor)),
    }
    limits = {
        "leverage": {"min": None, "max": common.most_leverage},
        "amount": _scaled(market, "amount", factor),
        "price": {"min": None, "max": None},
        "cost": {"min": common.least_cost, "max": None},
        "market": _scaled(market, "market", factor),
    }
    return {
        **{key: market.get(key) for key in COMMON},
        "id": symbol,
        "lowercaseId": symbol.lower(),
        "symbol": name,
        "base": base,
        "baseId": base,
        "precision": precision,
        "limits": limits,
        "info": {},
    }


def _scaled(market: Market, kind: str, factor: Decimal) -> Mapping[str, float | None]:
    limits = {name: _limit(market, kind, name) for name in ("min", "max")}
    return {
        name: None if value is None else float(_decimal(value) / factor)
        for name, value in limits.items()
    }


def _limit(market: Market, kind: str, name: str) -> Any:
    return market["limits"].get(kind, {}).get(name)


def _decimal(value: float) -> Decimal:
    return Decimal(repr(float(value)))
