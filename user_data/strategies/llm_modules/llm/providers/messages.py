"""Anthropic's Messages format: what is sent, and what came back."""

import importlib
from collections.abc import Mapping
from typing import Any

import httpx2

from llm_modules.config import LLMConfig
from llm_modules.dialogue import Prompt, Reply, ToolSpec
from llm_modules.errors import ConfigError, ProviderError
from llm_modules.llm.chat import endpoint_root
from llm_modules.llm.failures import provider_error
from llm_modules.llm.providers.answers import text_of, tool_request, whole, word
from llm_modules.llm.providers.dialect import CACHE_MARK, Target
from llm_modules.llm.providers.row import Provider
from llm_modules.llm.providers.strict import strict_schema
from llm_modules.llm.providers.usage import read_usage
from llm_modules.llm.transport import http_client

# In the words of chat completions, which the rest of the system knows.
FINISH_REASONS: Mapping[str, str] = {
    "tool_use": "tool_calls",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}


class Messages:
    """Speaks to one server through Anthropic's SDK, which gets no retries of its own.

    The SDK is an optional library: raises ConfigError where it is not installed.
    """

    def __init__(self, target: Target, config: LLMConfig) -> None:
        self._target = target
        self._config = config
        self._library = _library()
        self._sdk = self._library.AsyncAnthropic(
            api_key=target.key.get_secret_value(),
            base_url=endpoint_root(target.api_base),
            max_retries=0,
            http_client=http_client(config.connect_timeout, config.read_timeout),
            open_telemetry=False,
        )
        # It takes them from the environment, and would send them in place of our key.
        self._sdk._custom_headers = {}  # noqa: SLF001 - nothing public takes them back

    def body(self, prompt: Prompt, model: str, *, forced: bool) -> dict[str, Any]:
        """Build the request of one question; one without tools asks for text."""
        row = self._target.provider.of(model)
        mark = CACHE_MARK if row.cache == "marked" else {}
        body: dict[str, Any] = {"model": model, row.limit_field: self._config.max_tokens}
        if row.temperature:
            body["temperature"] = self._config.temperature
        system = [text for role, text in _turns(prompt) if role == "system"]
        if system:
            body["system"] = _marked_last([{"type": "text", "text": text} for text in system], mark)
        if prompt.tools:
            body["tools"] = _marked_last([_tool(tool, row) for tool in prompt.tools], mark)
            choice: dict[str, Any] = {"type": "any" if forced and row.forced_call else "auto"}
            if row.parallel_switch:
                choice["disable_parallel_tool_use"] = not (prompt.several and row.several_calls)
            body["tool_choice"] = choice
        body["messages"] = [
            {"role": role, "content": text} for role, text in _turns(prompt) if role != "system"
        ]
        return {**body, **row.extra}

    async def send(self, body: Mapping[str, Any]) -> bytes:
        """Send a request and return the answer's body. Raises ProviderError."""
        try:
            # Not its `messages.create`, which refuses long answers that are not streamed.
            response = await self._sdk.post("/messages", cast_to=httpx2.Response, body=body)
        except (self._library.AnthropicError, ValueError, RecursionError) as error:
            raise provider_error(error, self._target.key) from None
        content: bytes = response.content
        return content

    def read(self, answer: object) -> Reply:
        """Read a reply out of a message. Raises ProviderError when there is none in it."""
        message = whole(answer, self._target.key)
        content = message.get("content")
        if not isinstance(content, list):
            raise ProviderError("bad_response", "the answer holds no content")
        blocks = [block for block in content if isinstance(block, dict)]
        reason = word(message.get("stop_reason"))
        return Reply(
            text="".join(text_of(one.get("text")) for one in blocks if one.get("type") == "text"),
            tool_requests=tuple(
                tool_request(one.get("id"), one.get("name"), one.get("input"))
                for one in blocks
                if one.get("type") == "tool_use"
            ),
            finish_reason=FINISH_REASONS.get(reason, reason),
            model=word(message.get("model")),
            usage=read_usage(message.get("usage"), self._target.provider.usage),
        )

    async def close(self) -> None:
        """Close the connections to the server."""
        await self._sdk.close()


def _library() -> Any:
    """Load the SDK here and not above: it may be missing, and takes seconds nobody else needs."""
    try:
        return importlib.import_module("anthropic")
    except ImportError:
        raise ConfigError(
            'llm_config.provider: "anthropic" needs the library of that name, which is not '
            'installed; write "provider": "anthropic" in user_data/config.json and run '
            "./manage.sh start, which installs it"
        ) from None


def _turns(prompt: Prompt) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in prompt.messages]


def _marked_last(blocks: list[dict[str, Any]], mark: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Mark the end of what the provider's cache shall keep."""
    return [*blocks[:-1], {**blocks[-1], **mark}]


def _tool(tool: ToolSpec, row: Provider) -> dict[str, Any]:
    described = {"name": tool.name, "description": tool.description}
    if not row.strict_tools:
        return {**described, "input_schema": dict(tool.parameters)}
    schema = strict_schema(tool.parameters, row.strict_subset)
    return {**described, "input_schema": schema, "strict": True}
