"""Freqtrade's API as far as our commands see it: a few questions, each with a fixed answer."""

import base64
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

PASSWORD = "canary-password"
PING = "ping"
STATUS = "status"
BALANCE = "balance"
THESES = "trades/open/custom-data?key=thesis"


def an_open_trade(**changes: Any) -> dict[str, Any]:
    trade = {
        "trade_id": 7,
        "pair": "BTC/USDT:USDT",
        "is_short": False,
        "leverage": 3.0,
        "stake_amount": 100.0,
        "open_timestamp": 1768478400000,  # 2026-01-15 12:00 UTC
        "open_rate": 100.0,
        "current_rate": 101.0,
        "profit_ratio": 0.0288,
        "profit_abs": 2.88,
        "stop_loss_abs": 97.5,
        "strategy": "LLMFunctionStrategy",
    }
    return trade | changes


def a_balance(**changes: Any) -> dict[str, Any]:
    money = {"currency": "USDT", "balance": 990.0, "is_position": False, "free": 890.0}
    position = {"currency": "BTC/USDT:USDT", "balance": 0.0, "is_position": True}
    return {"currencies": [position, money], "stake": "USDT", "total": 990.0} | changes


def a_kept_thesis(**changes: Any) -> dict[str, Any]:
    value = {"decision_id": "d-1", "reason": "the trend is up", "confidence_score": 70.0}
    return {"trade_id": 7, "custom_data": [{"key": "thesis", "value": value | changes}]}


def usual_answers() -> dict[str, Any]:
    return {
        PING: {"status": "pong"},
        STATUS: [an_open_trade()],
        BALANCE: a_balance(),
        THESES: [a_kept_thesis()],
    }


class FreqtradeApi:
    """What the server answers and was asked; an answer may be changed at any time.

    Bytes are sent as they are, an int is a status without an answer.
    """

    def __init__(self) -> None:
        self.answers = usual_answers()
        self.asked: list[str] = []
        self.port = 0

    def reply(self, path: str, authorization: str | None) -> tuple[int, bytes]:
        question = path.removeprefix("/api/v1/")
        self.asked.append(question)
        token = base64.b64encode(f"freqtrader:{PASSWORD}".encode()).decode()
        if question != PING and authorization != f"Basic {token}":
            return 401, b"{}"
        answer = self.answers.get(question, 404)
        if isinstance(answer, int):
            return answer, b"{}"
        return 200, answer if isinstance(answer, bytes) else json.dumps(answer).encode()


@contextmanager
def serving() -> Iterator[FreqtradeApi]:
    """Serve on a free port of loopback."""
    api = FreqtradeApi()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = api.reply(self.path, self.headers.get("Authorization"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        api.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()
