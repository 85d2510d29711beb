"""The chat-completions format, which most servers speak: what is sent, and what came back."""

import re
from collections.abc import Mapping
from typing import Any

import openai

from llm_modules.config import LLMConfig
from llm_modules.dialogue import Prompt, Reply, ToolRequest, ToolSpec, Usage
from llm_modules.errors import ProviderError
from llm_modules.llm.failures import provider_error
from llm_modules.llm.providers.dialect import Target
from llm_modules.llm.transport import http_client

LONGEST_WORD = 100
_VERSION = re.compile(r"[^/:]/v\d[^/]*(/|$)")


class ChatCompletions:
    """Speaks to one server through the official SDK, which gets no retries of its own."""

    def __init__(self, target: Target, config: LLMConfig) -> None:
        self._target = target
        self._config = config
        self._sdk = openai.AsyncOpenAI(
            api_key=target.key.get_secret_value(),
            base_url=endpoint_root(target.api_base),
            max_retries=0,
            http_client=http_client(config.connect_timeout, config.read_timeout),
        )

    def body(self, prompt: Prompt, model: str, *, forced: bool) -> dict[str, Any]:
        """Build the request of one question; one without tools asks for text."""
        body: dict[str, Any] = {
            "model": model,
            "messages": [
                {"role": message.role, "content": message.content} for message in prompt.messages
            ],
            "temperature": self._config.temperature,
            "max_tokens": self._config.max_tokens,
        }
        # Servers refuse an empty list of tools, and what belongs to tools without any.
        if prompt.tools:
            body["tools"] = [_tool(tool) for tool in prompt.tools]
            body["tool_choice"] = "required" if forced else "auto"
            body["parallel_tool_calls"] = False
        return body

    async def send(self, body: Mapping[str, Any]) -> bytes:
        """Send a request and return the answer's body. Raises ProviderError."""
        try:
            response = await self._sdk.chat.completions.with_raw_response.create(**body)
        except (openai.OpenAIError, ValueError, RecursionError) as error:
            raise provider_error(error, self._target.key) from None
        content: bytes = response.content
        return content

    def read(self, answer: object) -> Reply:
        """Read a reply out of a chat completion. Raises ProviderError when there is none in it."""
        return read_completion(answer)

    async def close(self) -> None:
        """Close the connections to the server."""
        await self._sdk.close()


def endpoint_root(api_base: str) -> str:
    """Return the base URL with its version: `/v1` is added where the path names none."""
    # Some providers' pages show the whole address, and that is what is copied from there.
    trimmed = api_base.rstrip("/").removesuffix("/chat/completions")
    return trimmed if _VERSION.search(trimmed) else f"{trimmed}/v1"


def read_completion(answer: object) -> Reply:
    """Read a reply out of an answer's JSON, where any field may be anything, or missing.

    Raises ProviderError when there is no message in it.
    """
    if not isinstance(answer, Mapping):
        raise ProviderError("bad_response", "the answer is not JSON of a chat completion")
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, Mapping) else None
    if not isinstance(choice, Mapping) or not isinstance(message, Mapping):
        raise ProviderError("bad_response", "the answer holds no message")
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list):
        raise ProviderError("bad_response", "the answer's tool calls are not a list")
    text = message.get("content")
    return Reply(
        text=text if isinstance(text, str) else "",
        tool_requests=tuple(map(_tool_request, calls)),
        finish_reason=_word(choice.get("finish_reason")),
        model=_word(answer.get("model")),
        usage=_usage(answer.get("usage")),
    )


def _word(text: object) -> str:
    """Make a server's word fit for a journal: printable and short."""
    return "".join(char for char in str(text) if char.isprintable())[:LONGEST_WORD]


def _usage(usage: object) -> Usage:
    known = usage if isinstance(usage, Mapping) else {}
    return Usage(_count(known, "prompt_tokens"), _count(known, "completion_tokens"))


def _count(usage: Mapping[str, Any], name: str) -> int | None:
    count = usage.get(name)
    known = isinstance(count, int) and not isinstance(count, bool) and count >= 0
    return count if known else None


def _tool_request(call: object) -> ToolRequest:
    found: Mapping[str, Any] = call if isinstance(call, Mapping) else {}
    function = found.get("function")
    named: Mapping[str, Any] = function if isinstance(function, Mapping) else {}
    arguments = named.get("arguments")
    if not isinstance(arguments, str | Mapping):
        arguments = None
    return ToolRequest(str(found.get("id", "")), str(named.get("name", "")), arguments)


def _tool(tool: ToolSpec) -> dict[str, Any]:
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.parameters),
    }
    return {"type": "function", "function": function}
