import asyncio
import socket
from contextlib import ExitStack

import pytest

from adversary import Adversary, adversary, completion, http
from asking import ask
from builders import a_prompt
from llm_modules.errors import ProviderError
from models import a_client, llm_config

OK = http(completion())


def test_the_time_to_connect_is_limited_by_itself() -> None:
    # A queue of one that is full: the system answers no further attempt.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, ExitStack() as kept:
        for _ in range(3):
            waiting = kept.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        server = Adversary(lambda _: [])
        server.port = full.getsockname()[1]
        with pytest.raises(ProviderError) as caught:
            ask(server, connect_timeout=0.2, read_timeout=60, timeout=60, retry_times=0)
    assert (caught.value.fault, str(caught.value)) == ("timeout", "Request timed out.")


def test_the_silence_of_a_server_is_limited_by_itself_and_tried_again() -> None:
    def script(number: int) -> list[bytes | float]:
        return [60.0] if number == 1 else [OK]

    with adversary(script) as server:
        reply = ask(server, connect_timeout=60, read_timeout=2, timeout=60)
    assert reply.model == "served-model"
    assert len(server.requests) == 2


def test_more_than_a_hundred_requests_can_be_under_way_at_once() -> None:
    together = 120

    async def scene(server: Adversary) -> int:
        client = a_client(llm_config(server.url, max_concurrent=together, timeout=60))
        asked = [asyncio.create_task(client.ask(a_prompt())) for _ in range(together)]
        while len(server.requests) < together:  # noqa: ASYNC110 - it runs on another thread
            await asyncio.sleep(0.01)
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        await client.close()
        return len(server.requests)

    with adversary(lambda _: [60.0]) as server:
        assert asyncio.run(scene(server)) == together
