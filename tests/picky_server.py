"""A model server that understands, refuses and tells exactly what a test says."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from builders import ARGUMENTS, PAIR

Body = dict[str, Any]
# A request's body to the message it is refused with, None when it is understood.
Refusal = Callable[[Body], str | None]
TOKENS = {"prompt_tokens": 2000, "completion_tokens": 60, "total_tokens": 2060}
OTHER_PAIR = "ETH/USDT:USDT"


def refusing(field_name: str, message: str, wrong: Callable[[Any], bool] = bool) -> Refusal:
    """Refuse requests with a field; `wrong` tells which values of it."""

    def refuse(body: Body) -> str | None:
        return message if field_name in body and wrong(body[field_name]) else None

    return refuse


def refusing_strict(message: str) -> Refusal:
    """Refuse requests in which a tool is strict."""

    def refuse(body: Body) -> str | None:
        tools = [tool["function"] for tool in body.get("tools", ())]
        return message if any(tool.get("strict") for tool in tools) else None

    return refuse


@dataclass(slots=True)
class PickyServer:
    """Calls the tool a prompt names; everything about it can be changed."""

    refusals: list[Refusal] = field(default_factory=list)
    status: int = 200
    refused_with: int = 400
    garbage: bytes | None = None
    words: str = "They are of BTC/USDT:USDT."
    usage: Mapping[str, Any] | None = field(default_factory=lambda: dict(TOKENS))
    served_model: str = "test-model"
    gives_several: bool = True
    wrong_tools: dict[str, str] = field(default_factory=dict)
    models: Any = None
    before_answer: Callable[[int], None] = lambda _number: None
    requests: list[Body] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def answer(self, body: Body) -> tuple[int, Any]:
        """Return status and JSON of the answer to one request."""
        self.requests.append(body)
        self.before_answer(len(self.requests))
        if self.status != 200:
            return self.status, {"error": {"message": f"status {self.status}"}}
        if self.garbage is not None:
            return 200, self.garbage
        for refuse in self.refusals:
            if message := refuse(body):
                return self.refused_with, {"error": {"message": message}}
        return 200, self._completion(self._message(body))

    def _message(self, body: Body) -> Body:
        asked = str(body["messages"][-1]["content"])
        if "tools" not in body:
            return {"role": "assistant", "content": self.words}
        if "two calls" in asked:
            pairs = [PAIR, OTHER_PAIR] if self.gives_several else [PAIR]
            return calls(*(("signal_wait", {"pair": pair}) for pair in pairs))
        tool = asked.rpartition("Call ")[2].split()[0]
        return calls((self.wrong_tools.get(tool, tool), {}))

    def _completion(self, message: Body) -> Body:
        whole: Body = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": self.served_model,
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        }
        return whole if self.usage is None else whole | {"usage": self.usage}


def calls(*made: tuple[str, Body]) -> Body:
    """An assistant's message with calls, each with the usual arguments, some changed."""
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": f"call_{number}",
                "type": "function",
                "function": {
                    "name": tool,
                    "arguments": json.dumps(ARGUMENTS.get(tool, {}) | changes),
                },
            }
            for number, (tool, changes) in enumerate(made)
        ],
    }


@contextmanager
def running(server: PickyServer) -> Iterator[PickyServer]:
    """Run a server on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            server.paths.append(self.path)
            self._send(200 if server.models is not None else 404, server.models)

        def do_POST(self) -> None:
            server.keys.append(str(self.headers["authorization"]))
            length = int(self.headers["content-length"])
            self._send(*server.answer(json.loads(self.rfile.read(length))))

        def _send(self, status: int, answer: Any) -> None:
            raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None:
            pass

    class Listener(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that hung up is part of some scenes."""

    listener = Listener(("127.0.0.1", 0), Handler)
    server.port = listener.server_address[1]
    thread = threading.Thread(target=listener.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join(5)
