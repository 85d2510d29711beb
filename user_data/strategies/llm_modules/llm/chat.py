"""The chat-completions format, which most servers speak: what is sent, and what came back."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import httpx2
import openai

from llm_modules.config import LLMConfig
from llm_modules.dialogue import Message, Prompt, Reply, ToolRequest, ToolSpec
from llm_modules.errors import ProviderError
from llm_modules.llm.failures import provider_error
from llm_modules.llm.kept import KeptByIdentity
from llm_modules.llm.providers.answers import (
    refuse_error,
    text_of,
    tool_request,
    whole,
    without_thoughts,
    word,
)
from llm_modules.llm.providers.dialect import CACHE_MARK, Target
from llm_modules.llm.providers.row import Provider
from llm_modules.llm.providers.strict import strict_schema
from llm_modules.llm.providers.usage import read_usage
from llm_modules.llm.transport import http_client

CACHE_KEY_CHARACTERS = 16
_VERSION = re.compile(r"[^/:]/v\d[^/]*(/|$)")
_ENDPOINT = re.compile(r"/(chat/completions|messages)$")


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
        self._tools = KeptByIdentity[list[dict[str, Any]]]()
        # It takes them from the environment, and would tell them to any server.
        self._sdk.organization = self._sdk.project = None
        self._sdk._custom_headers = {}  # noqa: SLF001 - nothing public takes them back

    def body(self, prompt: Prompt, model: str, *, forced: bool) -> dict[str, Any]:
        """Build the request of one question; one without tools asks for text."""
        row = self._target.provider.of(model)
        body: dict[str, Any] = {
            "model": model,
            "messages": [_message(message, row) for message in prompt.messages],
            row.limit_field: self._config.max_tokens,
        }
        if row.temperature:
            body["temperature"] = self._config.temperature
        if row.cache_key:
            body["prompt_cache_key"] = _cache_key(prompt)
        # Servers refuse an empty list of tools, and what belongs to tools without any.
        if prompt.tools:
            # The row follows from the model.
            body["tools"] = self._tools.of(
                (prompt.tools, model), lambda: [_tool(tool, row) for tool in prompt.tools]
            )
            body["tool_choice"] = "required" if forced and row.forced_call else "auto"
            if row.parallel_switch:
                body["parallel_tool_calls"] = prompt.several and row.several_calls
        return {**body, **row.extra}

    async def send(self, body: Mapping[str, Any]) -> bytes:
        """Send a request and return the answer's body. Raises ProviderError."""
        try:
            # Not its `chat.completions.create`, which knows no fields but OpenAI's.
            response = await self._sdk.post(
                "/chat/completions", cast_to=httpx2.Response, body=dict(body)
            )
        except (openai.OpenAIError, ValueError, RecursionError) as error:
            raise provider_error(error, self._target.key) from None
        return response.content

    def read(self, answer: object) -> Reply:
        """Read a reply out of a chat completion. Raises ProviderError when there is none in it."""
        key = self._target.key
        completion = whole(answer, key)
        choices = completion.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            raise ProviderError("bad_response", "the answer holds no choice")
        refuse_error(choice, key)
        message = choice.get("message")
        if not isinstance(message, dict):
            raise ProviderError("bad_response", "the answer holds no message")
        calls = message.get("tool_calls") or []
        if not isinstance(calls, list):
            raise ProviderError("bad_response", "the answer's tool calls are not a list")
        return Reply(
            text=without_thoughts(text_of(message.get("content"))),
            tool_requests=tuple(map(_tool_request, calls)),
            finish_reason=word(choice.get("finish_reason")),
            model=word(completion.get("model")),
            usage=read_usage(completion.get("usage"), self._target.provider.usage),
        )

    async def close(self) -> None:
        """Close the connections to the server."""
        await self._sdk.close()


def endpoint_root(api_base: str) -> str:
    """Return the base URL with its version: `/v1` is added where the path names none."""
    # Some providers' pages show the whole address, and that is what is copied from there.
    trimmed = _ENDPOINT.sub("", api_base.rstrip("/"))
    return trimmed if _VERSION.search(trimmed) else f"{trimmed}/v1"


def _message(message: Message, row: Provider) -> dict[str, Any]:
    # The system's turn ends what stays the same from question to question.
    if row.cache != "marked" or message.role != "system":
        return {"role": message.role, "content": message.content}
    return {
        "role": message.role,
        "content": [{"type": "text", "text": message.content, **CACHE_MARK}],
    }


def _cache_key(prompt: Prompt) -> str:
    """Name what questions have in common, so that those that share it meet at one cache."""
    system = (message.content for message in prompt.messages if message.role == "system")
    common = "\n".join((*system, *(tool.name for tool in prompt.tools)))
    return hashlib.sha256(common.encode(errors="replace")).hexdigest()[:CACHE_KEY_CHARACTERS]


def _tool(tool: ToolSpec, row: Provider) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name, "description": tool.description}
    if row.strict_tools:
        function["parameters"] = strict_schema(tool.parameters, row.strict_subset)
        function["strict"] = True
    else:
        function["parameters"] = dict(tool.parameters)
    return {"type": "function", "function": function}


def _tool_request(call: object) -> ToolRequest:
    found: Mapping[str, Any] = call if isinstance(call, dict) else {}
    function = found.get("function")
    named: Mapping[str, Any] = function if isinstance(function, dict) else {}
    return tool_request(found.get("id"), named.get("name"), named.get("arguments"))
