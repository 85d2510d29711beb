"""What passes between us and a model: prompts and tools go out, replies come back, at a price."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """One tool as offered to the model: its wire name, purpose and JSON schema."""

    name: str
    description: str
    parameters: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """A tool call as the model sent it, untrusted; `arguments` is text or already a dict."""

    call_id: str
    name: str
    arguments: str | Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message."""

    role: Literal["system", "user"]
    content: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """Everything sent to the model for one question; `several` asks for more than one call.

    `templates` names the version of the templates that worded it, and is not sent.
    """

    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...]
    several: bool = False
    templates: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a server says an answer took; None where it does not say.

    `cached_tokens` are part of the prompt's, `reasoning_tokens` part of the completion's. `cost`
    is in US dollars, of the few servers that tell it.
    """

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class Expense:
    """One request to a model and what it took; tokens as charged, `cost` None: price unknown.

    `tape_id` is None where nothing could be recorded, `fault` where the request succeeded.
    """

    at: datetime
    provider: str
    model: str
    seconds: float
    usage: Usage
    cost: float | None = None
    fault: str | None = None
    tape_id: str | None = None


@dataclass(slots=True)
class Inquiry:
    """What is asked about, and every request made for it so far, failed and cut-off ones too.

    Grows while it is asked: whoever stops waiting still finds what it took. `kind` is the stance
    of a decision, or what else a model is asked for. Nobody waits after `until`, a moment of
    time.monotonic(), which whoever has a deadline sets; None: as long as the client likes.
    """

    pair: str = ""
    decision_id: str = ""
    kind: str = "decision"
    expenses: list[Expense] = field(default_factory=list)
    until: float | None = None

    @property
    def tape_ids(self) -> tuple[str, ...]:
        """The requests on the tape, in the order in which they were made."""
        return tuple(one.tape_id for one in self.expenses if one.tape_id is not None)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of the model, still untrusted."""

    text: str
    tool_requests: tuple[ToolRequest, ...]
    finish_reason: str
    model: str
    usage: Usage = Usage()
