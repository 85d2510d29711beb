"""The exchange over real HTTP, in the shapes that Binance documents."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from llm_modules.sandbox.candles import DAY_MS, HOUR_MS, MINUTE_MS
from llm_modules.sandbox.contracts import CONTRACTS
from llm_modules.sandbox.exchange import exchange_app
from llm_modules.sandbox.faults import Faults, Switchboard
from llm_modules.sandbox.history import PairHistory, load_history
from llm_modules.sandbox.replay import MarketReplay

DATA_DIR = Path(__file__).parents[2] / "user_data" / "data"
ANCHOR_MS = 1_790_000_100_000
NOW_MS = ANCHOR_MS + 40 * MINUTE_MS + 30_000
HISTORIES = [load_history(DATA_DIR, contract) for contract in CONTRACTS]


def server(
    histories: list[PairHistory] = HISTORIES,
    now_ms: int = NOW_MS,
    clock: Callable[[], int] | None = None,
) -> TestServer:
    replay = MarketReplay(histories, ANCHOR_MS)
    return TestServer(exchange_app(replay, Switchboard(Faults()), clock or (lambda: now_ms)))


def get(path: str, status: int = 200, **query: str | int) -> Any:
    """Return the JSON of one endpoint below /fapi/v1 after checking status and header."""

    async def ask() -> Any:
        async with TestClient(server()) as client:
            answer = await client.get(f"/fapi/v1/{path}", params=query)
            assert answer.headers["X-Simulated"] == "true"
            assert answer.status == status
            assert answer.content_type == "application/json"
            return await answer.json()

    return asyncio.run(ask())


def refused(path: str, **query: str | int) -> int:
    """Return Binance's code of a refused request."""
    body = get(path, status=400, **query)
    assert set(body) == {"code", "msg"}
    return int(body["code"])


def test_ping_and_time_answer_as_binance_does() -> None:
    assert get("ping") == {}
    assert get("time") == {"serverTime": NOW_MS}


def test_exchange_info_lists_five_perpetuals_with_their_filters() -> None:
    info = get("exchangeInfo")

    symbols = {item["symbol"]: item for item in info["symbols"]}
    assert list(symbols) == ["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "DOGEUSDT"]
    assert {item["contractType"] for item in symbols.values()} == {"PERPETUAL"}
    assert {item["deliveryDate"] for item in symbols.values()} == {4133404800000}
    assert {item["status"] for item in symbols.values()} == {"TRADING"}
    filters = {item["filterType"]: item for item in symbols["BTCUSDT"]["filters"]}
    assert filters["PRICE_FILTER"]["tickSize"] == "0.1"
    assert filters["LOT_SIZE"] == {
        "filterType": "LOT_SIZE",
        "minQty": "0.001",
        "stepSize": "0.001",
        "maxQty": "1000",
    }
    assert filters["MARKET_LOT_SIZE"]["maxQty"] == "120"
    assert filters["MIN_NOTIONAL"]["notional"] == "50"


@pytest.mark.parametrize(("symbol", "tick"), [("ETHUSDT", "0.01"), ("DOGEUSDT", "0.00001")])
def test_prices_have_the_decimals_of_their_tick(symbol: str, tick: str) -> None:
    decimals = len(tick.partition(".")[2])

    row = get("klines", symbol=symbol, interval="1m", limit=1)[0]

    assert [len(price.partition(".")[2]) for price in row[1:5]] == [decimals] * 4


def test_a_kline_has_twelve_columns_and_ends_a_millisecond_before_the_next() -> None:
    rows = get("klines", symbol="BTCUSDT", interval="15m", limit=3)

    opened = NOW_MS // (15 * MINUTE_MS) * 15 * MINUTE_MS
    assert [row[0] for row in rows] == [opened - step * 15 * MINUTE_MS for step in (2, 1, 0)]
    assert [row[6] - row[0] for row in rows] == [15 * MINUTE_MS - 1] * 3
    assert {len(row) for row in rows} == {12}
    volume, quote, price = float(rows[0][5]), float(rows[0][7]), float(rows[0][4])
    assert quote == pytest.approx(volume * price, rel=0.01)
    assert float(rows[0][9]) == pytest.approx(volume / 2, abs=0.001)
    assert float(rows[0][10]) == pytest.approx(quote / 2, abs=0.01)
    assert (rows[0][8], rows[0][11]) == (0, "0")


def test_klines_are_five_hundred_unless_asked_and_never_more_than_fifteen_hundred() -> None:
    assert len(get("klines", symbol="BTCUSDT", interval="1m")) == 500
    assert len(get("klines", symbol="BTCUSDT", interval="1m", limit=1500)) == 1500
    assert len(get("klines", symbol="BTCUSDT", interval="1m", limit=1501)) == 1500


def test_klines_can_be_asked_by_time() -> None:
    start = ANCHOR_MS - DAY_MS

    rows = get(
        "klines", symbol="BTCUSDT", interval="5m", startTime=start, endTime=start + HOUR_MS - 1
    )

    assert [row[0] for row in rows] == list(range(start, start + HOUR_MS, 5 * MINUTE_MS))


def test_mark_klines_have_the_traded_prices_and_no_volume() -> None:
    mark = get("markPriceKlines", symbol="ETHUSDT", interval="1h", limit=4)
    traded = get("klines", symbol="ETHUSDT", interval="1h", limit=4)

    assert [row[:5] for row in mark] == [row[:5] for row in traded]
    assert [row[6] for row in mark] == [row[6] for row in traded]
    assert {tuple(row[5:6] + row[7:]) for row in mark} == {("0", "0", 0, "0", "0", "0")}


@pytest.mark.parametrize("limit", [5, 100, 1000])
def test_the_book_has_levels_a_tick_apart_around_the_last_price(limit: int) -> None:
    book = get("depth", symbol="SOLUSDT", limit=limit)
    last = get("klines", symbol="SOLUSDT", interval="1m", limit=1)[0][4]

    bids, asks = ([float(price) for price, _ in book[side]] for side in ("bids", "asks"))
    assert len(bids) == len(asks) == limit
    assert book["bids"][0][0] == last
    assert asks[0] - bids[0] == pytest.approx(0.01)
    assert bids[0] - bids[-1] == pytest.approx(0.01 * (limit - 1))
    assert asks[-1] - asks[0] == pytest.approx(0.01 * (limit - 1))
    assert all(float(size) > 0 for _, size in book["bids"] + book["asks"])
    assert (book["lastUpdateId"], book["E"], book["T"]) == (NOW_MS,) * 3


def test_the_first_levels_of_the_book_take_an_order_of_this_bot() -> None:
    for contract in CONTRACTS:
        book = get("depth", symbol=contract.symbol, limit=20)
        offered = sum(float(price) * float(size) for price, size in book["asks"])
        assert offered > 5_000


def test_a_book_near_zero_has_no_bid_below_one_tick() -> None:
    async def ask() -> Any:
        late_ms = ANCHOR_MS + 200 * len(HISTORIES[4].candles) * 5 * MINUTE_MS
        async with TestClient(server(now_ms=late_ms)) as client:
            answer = await client.get("/fapi/v1/depth", params={"symbol": "DOGEUSDT", "limit": 10})
            return await answer.json()

    book = asyncio.run(ask())

    assert [price for price, _ in book["bids"]] == ["0.00001"]
    assert len(book["asks"]) == 10


def test_all_tickers_agree_with_book_and_candles() -> None:
    last = {
        symbol: get("klines", symbol=symbol, interval="1m", limit=1)[0][4]
        for symbol in ("BTCUSDT", "XRPUSDT")
    }

    for symbol, price in last.items():
        assert get("ticker/price", symbol=symbol)["price"] == price
        assert get("ticker/bookTicker", symbol=symbol)["bidPrice"] == price
        assert get("ticker/24hr", symbol=symbol)["lastPrice"] == price
        assert get("premiumIndex", symbol=symbol)["markPrice"] == price


@pytest.mark.parametrize("path", ["24hr", "bookTicker", "price"])
def test_tickers_of_all_symbols_come_as_a_list(path: str) -> None:
    rows = get(f"ticker/{path}")

    assert [row["symbol"] for row in rows] == [contract.symbol for contract in CONTRACTS]


def test_the_day_ticker_sums_up_the_last_288_five_minute_candles() -> None:
    ticker = get("ticker/24hr", symbol="BTCUSDT")
    rows = get("klines", symbol="BTCUSDT", interval="5m", limit=288)

    assert ticker["openPrice"] == rows[0][1]
    assert ticker["openTime"] == rows[0][0]
    assert ticker["closeTime"] == NOW_MS
    assert float(ticker["highPrice"]) == max(float(row[2]) for row in rows)
    assert float(ticker["lowPrice"]) == min(float(row[3]) for row in rows)
    assert float(ticker["volume"]) == pytest.approx(sum(float(row[5]) for row in rows))
    assert float(ticker["quoteVolume"]) == pytest.approx(sum(float(row[7]) for row in rows))
    change = float(ticker["lastPrice"]) - float(ticker["openPrice"])
    assert float(ticker["priceChange"]) == pytest.approx(change)
    percent = 100 * change / float(ticker["openPrice"])
    assert float(ticker["priceChangePercent"]) == pytest.approx(percent, abs=0.001)
    low, high = float(ticker["lowPrice"]), float(ticker["highPrice"])
    assert low < float(ticker["weightedAvgPrice"]) < high


def test_funding_rates_are_listed_with_time_and_mark_price() -> None:
    rows = get("fundingRate", symbol="BTCUSDT", limit=2)

    assert [row["fundingTime"] % (8 * HOUR_MS) for row in rows] == [0, 0]
    assert rows[1]["fundingTime"] - rows[0]["fundingTime"] == 8 * HOUR_MS
    hour = get(
        "markPriceKlines",
        symbol="BTCUSDT",
        interval="1h",
        startTime=rows[0]["fundingTime"],
        limit=1,
    )
    assert rows[0]["markPrice"] == hour[0][1]
    assert len(rows[0]["fundingRate"]) >= 10
    assert len(get("fundingRate", symbol="BTCUSDT")) == 100
    assert len(get("fundingRate", symbol="BTCUSDT", limit=5000)) == 181


def test_the_premium_index_knows_the_last_and_the_next_funding() -> None:
    index = get("premiumIndex", symbol="BTCUSDT")
    last = get("fundingRate", symbol="BTCUSDT", limit=1)[0]

    assert index["lastFundingRate"] == last["fundingRate"]
    assert index["nextFundingTime"] == last["fundingTime"] + 8 * HOUR_MS
    assert len(get("premiumIndex")) == 5


def test_a_market_younger_than_a_funding_shows_a_rate_of_zero() -> None:
    btc = HISTORIES[0]
    young = PairHistory(
        btc.contract, btc.candles.between(0, int(btc.candles.open_times[3])), btc.funding_rates
    )

    async def ask() -> Any:
        async with TestClient(server([young], ANCHOR_MS)) as client:
            answer = await client.get("/fapi/v1/premiumIndex", params={"symbol": "BTCUSDT"})
            return await answer.json()

    assert asyncio.run(ask())["lastFundingRate"] == "0.00000000"


@pytest.mark.parametrize("path", ["klines", "markPriceKlines", "depth", "fundingRate"])
def test_a_missing_or_unknown_symbol_is_refused_with_binances_codes(path: str) -> None:
    assert refused(path, interval="1m") == -1102
    assert refused(path, interval="1m", symbol="") == -1102
    assert refused(path, interval="1m", symbol="LUNAUSDT") == -1121


def test_a_ticker_of_an_unknown_symbol_is_refused() -> None:
    assert refused("ticker/24hr", symbol="LUNAUSDT") == -1121


@pytest.mark.parametrize("interval", ["", "7m", "1M", "1s"])
def test_an_unknown_interval_is_refused(interval: str) -> None:
    assert refused("klines", symbol="BTCUSDT", interval=interval) == -1120


@pytest.mark.parametrize(
    ("limit", "code"),
    [("0", -1130), ("9" * 17, -1102), ("-1", -1102), ("many", -1102), ("1.5", -1102), ("٣", -1102)],
)
def test_a_limit_that_is_no_positive_integer_is_refused(limit: str, code: int) -> None:
    assert refused("klines", symbol="BTCUSDT", interval="1m", limit=limit) == code


@pytest.mark.parametrize("limit", [4, 6, 1001])
def test_a_depth_limit_that_binance_does_not_know_is_refused(limit: int) -> None:
    assert refused("depth", symbol="BTCUSDT", limit=limit) == -4021


def test_depth_has_five_hundred_levels_unless_asked() -> None:
    assert len(get("depth", symbol="BTCUSDT")["bids"]) == 500


def test_an_unknown_path_or_method_is_a_json_404() -> None:
    async def ask() -> list[tuple[int, int]]:
        async with TestClient(server()) as client:
            answers = [
                await client.get("/fapi/v1/account"),
                await client.post("/fapi/v1/order"),
                await client.get("/"),
                await client.delete("/fapi/v1/klines"),
            ]
            return [(answer.status, (await answer.json())["code"]) for answer in answers]

    assert asyncio.run(ask()) == [(404, -5000)] * 4


def test_the_market_goes_on_between_two_requests() -> None:
    moments = iter([NOW_MS, NOW_MS + 5_000])

    async def ask() -> tuple[str, str]:
        async with TestClient(server(clock=lambda: next(moments))) as client:
            answers = [
                await client.get("/fapi/v1/ticker/price", params={"symbol": "BTCUSDT"})
                for _ in range(2)
            ]
            first, second = [(await answer.json())["price"] for answer in answers]
            return first, second

    first, second = asyncio.run(ask())

    assert first != second
