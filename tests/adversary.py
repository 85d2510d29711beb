"""A raw-socket HTTP server that misbehaves in exactly the way a test asks for."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Script = Callable[[int], list[bytes | float]]


def http(body: bytes | str, status: str = "200 OK", **headers: str) -> bytes:
    """One whole HTTP response."""
    raw = body.encode() if isinstance(body, str) else body
    named = {"content-type": "application/json", "content-length": str(len(raw))}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + raw


def completion(arguments: Any = None, *, tool: str = "signal_wait", **changes: Any) -> str:
    """A chat completion with one tool call, each part replaceable."""
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": tool, "arguments": json.dumps(arguments or {})},
    }
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    choice = {"index": 0, "finish_reason": "tool_calls", "message": message}
    whole = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "served-model",
        "choices": [choice],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }
    return json.dumps(whole | changes)


class Adversary:
    """Serves a script per request: bytes are sent, numbers are seconds to wait."""

    def __init__(self, script: Script) -> None:
        self.requests: list[dict[str, Any]] = []
        self.heads: list[str] = []
        self.port = 0
        self._script = script

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                length = int(head.lower().split("content-length:")[1].split("\r\n")[0])
                self.requests.append(json.loads(await reader.readexactly(length)))
                self.heads.append(head)
                for step in self._script(len(self.requests)):
                    if isinstance(step, float):
                        await asyncio.sleep(step)
                        continue
                    writer.write(step)
                    await writer.drain()
                    if step == b"":
                        writer.transport.abort()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@contextmanager
def adversary(script: Script | bytes) -> Iterator[Adversary]:
    """Run an adversary on a free port of this machine."""
    steps = script if callable(script) else (lambda _: [script])
    server = Adversary(steps)
    loop = asyncio.new_event_loop()
    ready = threading.Event()

    def run() -> None:
        asyncio.set_event_loop(loop)
        starting = asyncio.start_server(server.serve, "127.0.0.1", 0)
        listener = loop.run_until_complete(starting)
        server.port = listener.sockets[0].getsockname()[1]
        ready.set()
        loop.run_forever()
        listener.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(30)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
