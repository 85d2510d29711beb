"""One question to a server of a test, through the real client."""

import asyncio
from typing import Any

import pytest

from adversary import Adversary, Script, adversary
from builders import a_prompt
from llm_modules.dialogue import Reply
from llm_modules.errors import ProviderError
from models import CANARY, a_client, llm_config


def ask(server: Adversary, **changes: Any) -> Reply:
    async def once() -> Reply:
        client = a_client(llm_config(server.url, **changes))
        try:
            return await client.ask(a_prompt())
        finally:
            await client.close()

    return asyncio.run(once())


def fault_of(script: Script | bytes, **changes: Any) -> tuple[ProviderError, Adversary]:
    with adversary(script) as server, pytest.raises(ProviderError) as caught:
        ask(server, **({"retry_times": 0} | changes))
    assert CANARY not in str(caught.value)
    return caught.value, server
