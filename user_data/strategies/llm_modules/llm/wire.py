"""Between our words and the chat-completions format: what is sent, and what came back."""

import re
from collections.abc import Mapping
from typing import Any

from openai.types.chat import ChatCompletion, ChatCompletionMessage
from openai.types.chat.chat_completion import Choice

from llm_modules.config import LLMConfig
from llm_modules.domain import Prompt, Reply, ToolRequest, ToolSpec
from llm_modules.errors import ProviderError

LONGEST_WORD = 100
_VERSION = re.compile(r"[^/:]/v\d[^/]*(/|$)")


def endpoint_root(api_base: str) -> str:
    """Return the base URL with its version: `/v1` is added where the path names none."""
    # Some providers' pages show the whole address, and that is what is copied from there.
    trimmed = api_base.rstrip("/").removesuffix("/chat/completions")
    return trimmed if _VERSION.search(trimmed) else f"{trimmed}/v1"


def request_body(
    prompt: Prompt, config: LLMConfig, tool_choice: str, model: str | None = None
) -> dict[str, Any]:
    """Build the request of one question; one without tools asks for text."""
    body: dict[str, Any] = {
        "model": model or config.model,
        "messages": [
            {"role": message.role, "content": message.content} for message in prompt.messages
        ],
        "temperature": config.temperature,
        "max_tokens": config.max_tokens,
    }
    # Servers refuse an empty list of tools, and what belongs to tools without any.
    if prompt.tools:
        body["tools"] = [_tool(tool) for tool in prompt.tools]
        body["tool_choice"] = tool_choice
        body["parallel_tool_calls"] = False
    return body


def read_completion(completion: object, latency_seconds: float, attempts: int) -> Reply:
    """Read a reply out of what the SDK returned, trusting nothing about its shape.

    Raises ProviderError when there is no message in it.
    """
    if not isinstance(completion, ChatCompletion):
        raise ProviderError("bad_response", "the answer is not JSON of a chat completion")
    # The SDK builds its objects unchecked: any field may be anything, or missing.
    choices: Any = completion.choices
    choice = choices[0] if isinstance(choices, list) and choices else None
    message: Any = choice.message if isinstance(choice, Choice) else None
    if choice is None or not isinstance(message, ChatCompletionMessage):
        raise ProviderError("bad_response", "the answer holds no message")
    calls: Any = message.tool_calls or []
    if not isinstance(calls, list):
        raise ProviderError("bad_response", "the answer's tool calls are not a list")
    prompt_tokens, completion_tokens = _usage(completion)
    return Reply(
        text=message.content if isinstance(message.content, str) else "",
        tool_requests=tuple(_tool_request(call) for call in calls),
        finish_reason=_word(choice.finish_reason),
        model=_word(completion.model),
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        latency_seconds=latency_seconds,
        attempts=attempts,
    )


def _word(text: object) -> str:
    """Make a server's word fit for a journal: printable and short."""
    return "".join(char for char in str(text) if char.isprintable())[:LONGEST_WORD]


def _usage(completion: ChatCompletion) -> tuple[int | None, int | None]:
    usage: Any = completion.usage
    counts = (getattr(usage, "prompt_tokens", None), getattr(usage, "completion_tokens", None))
    prompt, answer = (count if isinstance(count, int) and count >= 0 else None for count in counts)
    return prompt, answer


def _tool_request(call: Any) -> ToolRequest:
    function = getattr(call, "function", None)
    arguments = getattr(function, "arguments", None)
    if not isinstance(arguments, str | Mapping):
        arguments = None
    return ToolRequest(str(getattr(call, "id", "")), str(getattr(function, "name", "")), arguments)


def _tool(tool: ToolSpec) -> dict[str, Any]:
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.parameters),
    }
    return {"type": "function", "function": function}
