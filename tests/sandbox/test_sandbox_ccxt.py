"""ccxt, as Freqtrade uses it, understands every answer of the exchange."""

import asyncio
import time
from pathlib import Path

import ccxt.async_support as ccxt
import pytest
from aiohttp.test_utils import TestServer

from llm_modules.sandbox.candles import DAY_MS, HOUR_MS, MINUTE_MS
from llm_modules.sandbox.contracts import CONTRACTS
from llm_modules.sandbox.exchange import exchange_app
from llm_modules.sandbox.faults import Faults, Switchboard
from llm_modules.sandbox.history import load_history
from llm_modules.sandbox.replay import MarketReplay

DATA_DIR = Path(__file__).parents[2] / "user_data" / "data"
HISTORIES = [load_history(DATA_DIR, contract) for contract in CONTRACTS]


def test_ccxt_reads_markets_candles_book_fundings_tickers_and_errors() -> None:
    # Real time, because ccxt computes windows from the clock.
    now_ms = time.time_ns() // 1_000_000
    anchor_ms = now_ms // (5 * MINUTE_MS) * 5 * MINUTE_MS

    async def ask() -> None:
        app = exchange_app(
            MarketReplay(HISTORIES, anchor_ms), Switchboard(Faults()), lambda: now_ms
        )
        async with TestServer(app) as running:
            address = str(running.make_url("/fapi/v1"))
            settings = {"defaultType": "swap", "fetchMarkets": {"types": ["linear"]}}
            urls = {"api": {"fapiPublic": address}}
            exchange = ccxt.binance({"options": settings, "urls": urls, "enableRateLimit": False})
            try:
                await check_with_ccxt(exchange, now_ms)
            finally:
                await exchange.close()

    asyncio.run(ask())


async def check_with_ccxt(exchange: ccxt.binance, now_ms: int) -> None:
    pair = "BTC/USDT:USDT"
    markets = await exchange.load_markets()
    assert sorted(markets) == sorted(contract.pair for contract in CONTRACTS)
    market = markets[pair]
    assert market["swap"]
    assert market["linear"]
    assert market["active"]
    assert market["precision"] == {"amount": 0.001, "price": 0.1, "base": 1e-8, "quote": 1e-8}
    assert market["limits"]["cost"]["min"] == 50

    candles = await exchange.fetch_ohlcv(pair, "4h", limit=499)
    assert len(candles) == pytest.approx(362, abs=1)
    assert candles[-1][0] == now_ms // (4 * HOUR_MS) * 4 * HOUR_MS
    mark = await exchange.fetch_ohlcv(pair, "1h", limit=5, params={"price": "mark"})
    assert len(mark) == 5
    book = await exchange.fetch_order_book(pair, 5)
    assert book["asks"][0][0] > book["bids"][0][0]
    since = now_ms - 2 * DAY_MS
    fundings = await exchange.fetch_funding_rate_history(pair, since=since, limit=100)
    assert len(fundings) == 6
    assert fundings[0]["fundingRate"] != 0
    tickers = await exchange.fetch_tickers()
    bids = await exchange.fetch_bids_asks()
    assert tickers[pair]["last"] == bids[pair]["bid"] == candles[-1][4]
    rate = await exchange.fetch_funding_rate(pair)
    assert rate["fundingRate"] == fundings[-1]["fundingRate"]
    with pytest.raises(ccxt.BadSymbol):
        await exchange.fapiPublicGetKlines({"symbol": "LUNAUSDT", "interval": "1m"})
