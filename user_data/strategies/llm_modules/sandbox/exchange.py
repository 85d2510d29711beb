"""The public Binance USD-M endpoints that Freqtrade and ccxt ask, answered from the replay."""

from collections.abc import Callable
from typing import Any, NoReturn

from aiohttp import web

from llm_modules.sandbox import shapes
from llm_modules.sandbox.candles import INTERVALS_MS, TickCandles
from llm_modules.sandbox.contracts import Contract
from llm_modules.sandbox.faults import Faults, Switchboard
from llm_modules.sandbox.replay import MarketReplay, PairReplay, Window
from llm_modules.sandbox.simulated import add_not_found, simulated_app

EXCHANGE_PREFIX = "/fapi/v1"
# The milliseconds since the epoch, UTC.
Clock = Callable[[], int]

# Binance's own limits: ccxt and Freqtrade choose their requests by them.
_DEPTH_LIMITS = (5, 10, 20, 50, 100, 500, 1000)
_LARGEST_KLINES = 1500
_LARGEST_FUNDINGS = 1000
# Digits of an integer parameter; a time in milliseconds has 13.
_LONGEST_INTEGER = 16
# Binance's own codes, by the HTTP status of a simulated fault.
_CODES = {401: -2015, 404: -5000, 418: -1003, 429: -1003, 400: -1100}

_Rows = Callable[[Contract, TickCandles, int], list[list[Any]]]
_Row = Callable[[PairReplay, int], dict[str, Any]]
_Endpoint = Callable[[web.Request], Any]


def exchange_app(replay: MarketReplay, board: Switchboard[Faults], clock: Clock) -> web.Application:
    """Return the exchange as an aiohttp application."""
    app = simulated_app(board, _error_body)
    exchange = _Exchange(replay, clock)
    for path, endpoint in exchange.endpoints().items():
        app.router.add_get(f"{EXCHANGE_PREFIX}/{path}", _as_handler(endpoint))
    add_not_found(app, _error_body)
    return app


class _Exchange:
    """The endpoints: each takes a request and returns what is sent as JSON."""

    def __init__(self, replay: MarketReplay, clock: Clock) -> None:
        self._replay = replay
        self._clock = clock

    def endpoints(self) -> dict[str, _Endpoint]:
        """Return every endpoint by its path below the prefix."""
        return {
            "ping": lambda _request: {},
            "time": lambda _request: {"serverTime": self._clock()},
            "exchangeInfo": self._exchange_info,
            "klines": self._candles(shapes.klines),
            "markPriceKlines": self._candles(shapes.mark_klines),
            "depth": self._depth,
            "fundingRate": self._funding_rate,
            "premiumIndex": self._one_or_all(shapes.premium_index),
            "ticker/24hr": self._one_or_all(shapes.day_ticker),
            "ticker/bookTicker": self._one_or_all(shapes.book_ticker),
            "ticker/price": self._one_or_all(shapes.price_ticker),
        }

    def _exchange_info(self, _request: web.Request) -> dict[str, Any]:
        return shapes.exchange_info(self._replay.contracts, self._clock())

    def _candles(self, rows: _Rows) -> _Endpoint:
        def endpoint(request: web.Request) -> list[list[Any]]:
            pair, interval = self._pair(request), request.query.get("interval", "")
            if interval not in INTERVALS_MS:
                _refuse(-1120, "Invalid interval.")
            window = _window(request, default=500, largest=_LARGEST_KLINES)
            candles = pair.candles(interval, self._clock(), window)
            return rows(pair.contract, candles, INTERVALS_MS[interval])

        return endpoint

    def _depth(self, request: web.Request) -> dict[str, Any]:
        pair, limit = self._pair(request), _integer(request, "limit") or 500
        if limit not in _DEPTH_LIMITS:
            _refuse(-4021, f"Invalid depth limit: one of {_DEPTH_LIMITS}.")
        return shapes.depth(pair, self._clock(), limit)

    def _funding_rate(self, request: web.Request) -> list[dict[str, Any]]:
        pair = self._pair(request)
        window = _window(request, default=100, largest=_LARGEST_FUNDINGS)
        return [shapes.funding_row(pair, item) for item in pair.fundings(self._clock(), window)]

    def _one_or_all(self, row: _Row) -> _Endpoint:
        """Answer one row when a symbol is named and rows of all symbols when none is."""

        def endpoint(request: web.Request) -> dict[str, Any] | list[dict[str, Any]]:
            if "symbol" in request.query:
                return row(self._pair(request), self._clock())
            return [row(pair, self._clock()) for pair in self._replay]

        return endpoint

    def _pair(self, request: web.Request) -> PairReplay:
        symbol = request.query.get("symbol")
        if not symbol:
            _refuse(
                -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."
            )
        pair = self._replay.find(symbol)
        if pair is None:
            _refuse(-1121, "Invalid symbol.")
        return pair


def _as_handler(endpoint: _Endpoint) -> Callable[[web.Request], Any]:
    # Everything is computed in a few milliseconds: nothing to await, nothing that can interleave.
    async def handler(request: web.Request) -> web.Response:
        return web.json_response(endpoint(request))

    return handler


def _window(request: web.Request, *, default: int, largest: int) -> Window:
    limit = _integer(request, "limit")
    if limit is not None and limit < 1:
        _refuse(-1130, "Data sent for parameter 'limit' is not valid.")
    start_ms, end_ms = _integer(request, "startTime"), _integer(request, "endTime")
    return Window(min(limit or default, largest), start_ms, end_ms)


def _integer(request: web.Request, name: str) -> int | None:
    text = request.query.get(name)
    if text is None:
        return None
    # isdigit alone accepts digits of every script, and int() chokes on thousands of them.
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_INTEGER):
        _refuse(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
    return int(text)


def _refuse(code: int, message: str) -> NoReturn:
    """End the request with status 400 and Binance's code for what is wrong with it."""
    raise web.HTTPBadRequest(
        text=web.json_response({"code": code, "msg": message}).text,
        content_type="application/json",
    )


def _error_body(status: int, message: str) -> dict[str, Any]:
    return {"code": _CODES.get(status, -1000), "msg": message}
