"""The replayed market in the JSON shapes of Binance USD-M's public endpoints. Pure functions."""

from typing import Any

import numpy as np

from llm_modules.sandbox.candles import DAY_MS, TickCandles
from llm_modules.sandbox.contracts import Contract
from llm_modules.sandbox.replay import FUNDING_INTERVAL_MS, Funding, PairReplay, Window
from llm_modules.sandbox.split import seed_of, uniform

Json = dict[str, Any]

# A perpetual contract: Binance lets it end in December 2100.
_NO_DELIVERY_MS = 4_133_404_800_000


def exchange_info(contracts: tuple[Contract, ...], now_ms: int) -> Json:
    """Return the body of `exchangeInfo`: the contracts with their precisions and filters."""
    return {
        "timezone": "UTC",
        "serverTime": now_ms,
        "futuresType": "U_MARGINED",
        # None: nothing is counted and nobody is banned here.
        "rateLimits": [],
        "exchangeFilters": [],
        "assets": [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-10000"}],
        "symbols": [_symbol(contract) for contract in contracts],
    }


def _symbol(contract: Contract) -> Json:
    # Margin percentages and protections are the same for all; Freqtrade has its own tiers.
    return {
        "symbol": contract.symbol,
        "pair": contract.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": _NO_DELIVERY_MS,
        "onboardDate": 1_569_398_400_000,
        "status": "TRADING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": contract.base,
        "quoteAsset": "USDT",
        "marginAsset": "USDT",
        "pricePrecision": contract.price_decimals,
        "quantityPrecision": contract.quantity_decimals,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "filters": _filters(contract),
        "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }


def _filters(contract: Contract) -> list[Json]:
    tick, lot = contract.price_text(1), contract.quantity_text(1)
    size = {"minQty": lot, "stepSize": lot}
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": tick,
            "maxPrice": contract.price_text(10**8),
            "tickSize": tick,
        },
        {"filterType": "LOT_SIZE", "maxQty": str(contract.max_quantity), **size},
        {"filterType": "MARKET_LOT_SIZE", "maxQty": str(contract.max_market_quantity), **size},
        {"filterType": "MIN_NOTIONAL", "notional": str(contract.min_notional)},
        {"filterType": "MAX_NUM_ORDERS", "limit": 200},
    ]


def klines(contract: Contract, candles: TickCandles, interval_ms: int) -> list[list[Any]]:
    """Return rows of `klines`. Quote volume is volume times mean price, takers buy one half.

    The number of trades is not in the record and therefore 0.
    """
    price, quantity = contract.price_text, contract.quantity_text
    mean = contract.price(1) * (candles.open + candles.high + candles.low + candles.close) / 4
    quote = contract.quantity(1) * candles.volume * mean
    # Plain lists: formatting numpy scalars one by one is several times slower.
    columns = [*(column.tolist() for column in candles.columns()), quote.tolist()]
    return [
        [
            *(at, price(first), price(high), price(low), price(close), quantity(lots)),
            *(at + interval_ms - 1, f"{value:.2f}", 0),
            *(quantity(lots // 2), f"{value / 2:.2f}", "0"),
        ]
        for at, first, high, low, close, lots, value in zip(*columns, strict=True)
    ]


def mark_klines(contract: Contract, candles: TickCandles, interval_ms: int) -> list[list[Any]]:
    """Return rows of `markPriceKlines`: the traded prices stand for the mark, without volume."""
    rows = klines(contract, candles, interval_ms)
    return [[*row[:5], "0", row[6], "0", 0, "0", "0", "0"] for row in rows]


def depth(pair: PairReplay, now_ms: int, limit: int) -> Json:
    """Return `limit` levels a tick apart; the best bid is the last price, the ask a tick above.

    Quantities are seeded per level and second, about a fiftieth of the running day's 5m volume.
    """
    contract, price = pair.contract, int(pair.minute(now_ms).close[-1])
    # Sizes change with the second and are otherwise repeatable, like the prices.
    levels = np.arange(limit)
    random = uniform(seed_of(contract.symbol), levels + now_ms // 1000 * limit, 2)
    typical = _day(pair, now_ms).volume.mean() / 50
    lots = 1 + (typical * (0.2 + random) * (1 + levels[:, None] / 10)).astype(np.int64)
    bids, asks = price - levels, price + 1 + levels
    return {
        "lastUpdateId": now_ms,
        "E": now_ms,
        "T": now_ms,
        "bids": _levels(contract, bids[bids > 0].tolist(), lots[:, 0].tolist()),
        "asks": _levels(contract, asks.tolist(), lots[:, 1].tolist()),
    }


def _levels(contract: Contract, prices: list[int], lots: list[int]) -> list[list[str]]:
    # Near zero there are fewer bids than sizes.
    pairs = zip(prices, lots, strict=False)
    return [[contract.price_text(price), contract.quantity_text(size)] for price, size in pairs]


def book_ticker(pair: PairReplay, now_ms: int) -> Json:
    """Return one row of `ticker/bookTicker`: the first level of `depth`."""
    book = depth(pair, now_ms, 1)
    (bid, bid_size), (ask, ask_size) = book["bids"][0], book["asks"][0]
    return {
        "symbol": pair.contract.symbol,
        "bidPrice": bid,
        "bidQty": bid_size,
        "askPrice": ask,
        "askQty": ask_size,
        "time": now_ms,
        "lastUpdateId": now_ms,
    }


def price_ticker(pair: PairReplay, now_ms: int) -> Json:
    """Return one row of `ticker/price`."""
    return {"symbol": pair.contract.symbol, "price": _last_price(pair, now_ms), "time": now_ms}


def day_ticker(pair: PairReplay, now_ms: int) -> Json:
    """Return one row of `ticker/24hr`, computed from the 5m candles of the last 24 hours."""
    contract, day = pair.contract, _day(pair, now_ms)
    rows = klines(contract, day, DAY_MS)
    change = int(day.close[-1] - day.open[0])
    volume, quote = int(day.volume.sum()), sum(float(row[7]) for row in rows)
    return {
        "symbol": contract.symbol,
        "priceChange": contract.price_text(change),
        "priceChangePercent": f"{100 * change / day.open[0]:.3f}",
        "weightedAvgPrice": f"{quote / contract.quantity(max(1, volume)):.8f}",
        "lastPrice": contract.price_text(int(day.close[-1])),
        "lastQty": contract.quantity_text(1),
        "openPrice": contract.price_text(int(day.open[0])),
        "highPrice": contract.price_text(int(day.high.max())),
        "lowPrice": contract.price_text(int(day.low.min())),
        "volume": contract.quantity_text(volume),
        "quoteVolume": f"{quote:.2f}",
        "openTime": int(day.open_times[0]),
        "closeTime": now_ms,
        "firstId": 0,
        "lastId": 0,
        "count": 0,
    }


def premium_index(pair: PairReplay, now_ms: int) -> Json:
    """Return one row of `premiumIndex`; mark and index are the traded price."""
    price = _last_price(pair, now_ms)
    latest = pair.fundings(now_ms, Window(limit=1))
    return {
        "symbol": pair.contract.symbol,
        "markPrice": price,
        "indexPrice": price,
        "estimatedSettlePrice": price,
        "lastFundingRate": f"{latest[0].rate:.8f}" if latest else "0.00000000",
        "interestRate": "0.00010000",
        "nextFundingTime": (now_ms // FUNDING_INTERVAL_MS + 1) * FUNDING_INTERVAL_MS,
        "time": now_ms,
    }


def funding_row(pair: PairReplay, funding: Funding) -> Json:
    """Return one row of `fundingRate`; the mark price is the traded price at that moment."""
    return {
        "symbol": pair.contract.symbol,
        "fundingTime": funding.at_ms,
        "fundingRate": f"{funding.rate:.8f}",
        "markPrice": pair.contract.price_text(funding.price),
    }


def _last_price(pair: PairReplay, now_ms: int) -> str:
    return pair.contract.price_text(int(pair.minute(now_ms).close[-1]))


def _day(pair: PairReplay, now_ms: int) -> TickCandles:
    return pair.candles("5m", now_ms, Window(limit=288))
