"""OpenAI's chat completion on the wire: what the scripted model reads, and what it sends."""

import json
import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from llm_modules.errors import UserError
from llm_modules.sandbox.faults import Answer, MessageAnswer
from llm_modules.sandbox.policy import ScriptedCall

# Says of itself in every answer and record that no language model is behind it.
MODEL_NAME = "scripted-sandbox"

# A rule of thumb for English text and JSON; usage must be plausible, not exact.
_BYTES_PER_TOKEN = 4
# OpenAI's: a prompt's beginning is cached from 1,024 tokens on, in steps of 128.
_LEAST_CACHED = 1024
_CACHE_STEP = 128
_PROMPTS_REMEMBERED = 50


class _Part(BaseModel):
    """The base of every piece of a request: fields that the policy does not read are ignored."""

    model_config = ConfigDict(frozen=True)


class _TextPart(_Part):
    text: str = ""


class _Message(_Part):
    role: str
    content: str | tuple[_TextPart, ...] | None = None

    def text(self) -> str:
        """Return the content as one text, however it was sent."""
        if isinstance(self.content, tuple):
            return "\n".join(part.text for part in self.content)
        return self.content or ""


class _Function(_Part):
    name: str


class _Tool(_Part):
    function: _Function


class ChatRequest(_Part):
    """The part of a chat completion request that the policy reads."""

    messages: tuple[_Message, ...]
    tools: tuple[_Tool, ...] = ()
    stream: bool = False

    @property
    def offered(self) -> frozenset[str]:
        """The names of the tools that may be called."""
        return frozenset(tool.function.name for tool in self.tools)

    @property
    def user_messages(self) -> tuple[str, ...]:
        """The texts of the user's messages, oldest first."""
        return tuple(message.text() for message in self.messages if message.role == "user")


@dataclass(frozen=True, slots=True)
class Turn:
    """The assistant's message as it goes on the wire, and why it ended."""

    message: Mapping[str, Any]
    finish_reason: str


def parse_chat(body: bytes) -> ChatRequest:
    """Read a request. Raises UserError with a sentence for whoever sent it."""
    try:
        chat = ChatRequest.model_validate_json(body)
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"]))
        raise UserError(
            f"not a chat completion request: {place} {error.errors()[0]['msg']}"
        ) from error
    if chat.stream:
        raise UserError("the scripted model does not stream")
    return chat


def turn_of_calls(calls: Sequence[ScriptedCall], call_id: str) -> Turn:
    """Return a turn with the policy's tool calls, one for each pair that was asked about."""
    ids = [call_id, *(f"{call_id}_{place}" for place in range(2, len(calls) + 1))]
    return _tool_turn(
        *(
            _tool_call(call.tool, json.dumps(call.arguments), own)
            for call, own in zip(calls, ids, strict=True)
        )
    )


def turn_of_text(text: str) -> Turn:
    """Return a turn of words alone."""
    return Turn({"role": "assistant", "content": text, "refusal": None}, "stop")


def turn_of_answer(answer: Answer, call_id: str) -> Turn:
    """Return a scripted turn: a message verbatim, or one tool call with the given arguments."""
    if isinstance(answer, MessageAnswer):
        return Turn(answer.message, answer.finish_reason)
    # Text goes out untouched, however broken: that is what such an answer is set for.
    arguments = answer.arguments
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return _tool_turn(_tool_call(answer.tool, text, call_id))


def _tool_call(tool: str, arguments: str, call_id: str) -> dict[str, Any]:
    function = {"name": tool, "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function}


def _tool_turn(*calls: dict[str, Any]) -> Turn:
    message = {"role": "assistant", "content": None, "refusal": None, "tool_calls": list(calls)}
    return Turn(message, "tool_calls")


def completion(
    turn: Turn, *, request_id: str, created: int, usage: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the body of a chat completion; `created` is in seconds since the epoch."""
    choice = {
        "index": 0,
        "message": turn.message,
        "logprobs": None,
        "finish_reason": turn.finish_reason,
    }
    return {
        "id": request_id,
        "object": "chat.completion",
        "created": created,
        "model": MODEL_NAME,
        "choices": [choice],
        "usage": usage,
        "system_fingerprint": "simulated",
    }


def usage(turn: Turn, request_bytes: int, cached_tokens: int) -> dict[str, Any]:
    """Return what an answer took, in OpenAI's fields; a script does not reason."""
    prompt_tokens = _tokens(request_bytes)
    completion_tokens = _tokens(len(json.dumps(turn.message)))
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "prompt_tokens_details": {"cached_tokens": min(cached_tokens, prompt_tokens)},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


class PrefixCache:
    """What a provider remembers of earlier prompts: how each began, in steps of 128 tokens."""

    def __init__(self) -> None:
        self._earlier: deque[frozenset[bytes]] = deque(maxlen=_PROMPTS_REMEMBERED)

    def cached_tokens(self, body: bytes) -> int:
        """Return how long the beginning is that a request shares with one before, and keep it."""
        request = json.loads(body)
        # As it is laid out for a model: tools before messages.
        laid_out = [request.get("tools"), request["messages"]]
        beginnings = _beginnings(json.dumps(laid_out, separators=(",", ":")).encode())
        known = frozenset[bytes]().union(*self._earlier)
        cached = _CACHE_STEP * sum(beginning in known for beginning in beginnings)
        self._earlier.append(frozenset(beginnings))
        return cached if cached >= _LEAST_CACHED else 0


def _beginnings(prompt: bytes) -> list[bytes]:
    """Name what a prompt begins with, each a step longer than the one before."""
    step, read, names = _CACHE_STEP * _BYTES_PER_TOKEN, sha256(), []
    for end in range(step, len(prompt) + 1, step):
        read.update(prompt[end - step : end])
        names.append(read.digest())
    return names


def _tokens(size_bytes: int) -> int:
    return math.ceil(size_bytes / _BYTES_PER_TOKEN)
