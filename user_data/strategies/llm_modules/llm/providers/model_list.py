"""What a server's list of models tells of one of them."""

import asyncio
import json
from collections.abc import Mapping

import httpx2

from llm_modules.config import LLMConfig
from llm_modules.errors import ProviderError
from llm_modules.llm.chat import endpoint_root
from llm_modules.llm.providers.dialect import Target
from llm_modules.llm.transport import http_client

LONGEST_SECONDS = 10.0
# The names that OpenRouter, vLLM, Groq and Mistral document for it; OpenAI and Ollama tell nothing.
CONTEXT_FIELDS = ("context_length", "max_model_len", "context_window", "max_context_length")


async def context_tokens(target: Target, config: LLMConfig) -> int | None:
    """Return the longest prompt and answer together, None when the server does not tell.

    One request, which costs nothing and is not recorded: it has no prompt.
    """
    headers = {"authorization": f"Bearer {target.key.get_secret_value()}"}
    async with http_client(config.connect_timeout, config.read_timeout) as client:
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                address = f"{endpoint_root(target.api_base)}/models"
                answer = await client.get(address, headers=headers)
            return told_context(json.loads(answer.content), target.model)
        # Whatever it is, the size is not known; a key that is no ASCII is a ValueError too.
        except (TimeoutError, httpx2.HTTPError, ProviderError, ValueError, RecursionError):
            return None


def told_context(answer: object, model: str) -> int | None:
    """Read a model's context size out of a list of models, trusting nothing."""
    listed = answer.get("data") if isinstance(answer, Mapping) else None
    for entry in listed if isinstance(listed, list) else ():
        if isinstance(entry, Mapping) and entry.get("id") == model:
            sizes = (entry.get(name) for name in CONTEXT_FIELDS)
            # By type: to Python true is a number.
            return next((size for size in sizes if type(size) is int and size > 0), None)
    return None
