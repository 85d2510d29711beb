"""A Binance of this machine, as far as one is asked before money is trusted to a bot."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = "canary-exchange-key-of-64-characters"
SECRET = "canary-exchange-secret-of-64-characters"
SYMBOLS = ("BTC", "ETH", "SOL", "XRP", "DOGE")
REFUSED = {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}
GOOD_RIGHTS: Mapping[str, Any] = {
    "ipRestrict": True,
    "createTime": 1_700_000_000_000,
    "enableReading": True,
    "enableSpotAndMarginTrading": False,
    "enableWithdrawals": False,
    "enableInternalTransfer": False,
    "permitsUniversalTransfer": False,
    "enableVanillaOptions": False,
    "enableFutures": True,
    "enableMargin": False,
}


def market(base: str, status: str = "TRADING") -> dict[str, Any]:
    """One perpetual contract, as exchangeInfo lists it."""
    return {
        "symbol": f"{base}USDT",
        "pair": f"{base}USDT",
        "contractType": "PERPETUAL",
        "deliveryDate": 4_133_404_800_000,
        "onboardDate": 1_569_398_400_000,
        "status": status,
        "baseAsset": base,
        "quoteAsset": "USDT",
        "marginAsset": "USDT",
        "pricePrecision": 2,
        "quantityPrecision": 3,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.1", "maxPrice": "1e6", "tickSize": "0.1"},
            {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
            {"filterType": "MIN_NOTIONAL", "notional": "5"},
        ],
        "orderTypes": ["LIMIT", "MARKET"],
        "timeInForce": ["GTC"],
    }


@dataclass(slots=True)
class FakeBinance:
    """Answers as it is told to; `refusals` by the end of a path, with status and JSON."""

    symbols: list[dict[str, Any]] = field(default_factory=lambda: [market(b) for b in SYMBOLS])
    behind_seconds: float = 0.0
    total: str = "434.21052631"
    rights: dict[str, Any] = field(default_factory=lambda: dict(GOOD_RIGHTS))
    hedges: Any = False
    pools_assets: Any = False
    refusals: dict[str, tuple[int, Any]] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    port: int = 0

    @property
    def addresses(self) -> dict[str, Any]:
        """`exchange.ccxt_config` that leads every question here."""
        root = f"http://127.0.0.1:{self.port}"
        api = {
            **{f"fapiPublic{v}": f"{root}/fapi/v{v[1:] or 1}" for v in ("", "V2", "V3")},
            **{f"fapiPrivate{v}": f"{root}/fapi/v{v[1:] or 1}" for v in ("", "V2", "V3")},
            **dict.fromkeys(("public", "private"), f"{root}/api/v3"),
            **{f"sapi{v}": f"{root}/sapi/v{v[1:] or 1}" for v in ("", "V2", "V3", "V4")},
            **dict.fromkeys(("dapiPublic", "dapiPrivate"), f"{root}/dapi/v1"),
        }
        return {"enableRateLimit": False, "urls": {"api": api}}

    def answer(self, path: str) -> tuple[int, Any]:
        """Return status and JSON of the answer to one request."""
        for end, refusal in self.refusals.items():
            if path.endswith(end):
                return refusal
        held = {"asset": "USDT", "walletBalance": self.total, "availableBalance": "400.5"}
        held |= {"marginBalance": self.total, "initialMargin": "0", "maintMargin": "0"}
        answers: dict[str, Any] = {
            "/fapi/v1/time": {"serverTime": int((time.time() - self.behind_seconds) * 1000)},
            "/fapi/v1/exchangeInfo": {"symbols": self.symbols},
            "/fapi/v3/account": {"assets": [held], "positions": []},
            "/sapi/v1/account/apiRestrictions": self.rights,
            "/fapi/v1/positionSide/dual": {"dualSidePosition": self.hedges},
            "/fapi/v1/multiAssetsMargin": {"multiAssetsMargin": self.pools_assets},
        }
        return (200, answers[path]) if path in answers else (404, {"code": 404, "msg": "no"})

    def is_signed(self, query: str) -> bool:
        """Tell whether a request carries a signature."""
        return bool(parse_qs(query).get("signature"))


@contextmanager
def running(exchange: FakeBinance) -> Iterator[FakeBinance]:
    """Run an exchange on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            exchange.paths.append(asked.path)
            if key := self.headers.get("X-MBX-APIKEY"):
                exchange.keys.add(key)
            status, answer = exchange.answer(asked.path)
            raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True
    exchange.port = listener.server_address[1]
    thread = threading.Thread(target=listener.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield exchange
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join(5)
