"""Fault switches of both servers: what goes wrong, for how many requests, set at run time.

A switchboard holds one frozen value; taking from it puts a counted-down copy in its place.
"""

from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from llm_modules.errors import UserError

Times = Annotated[int | None, Field(ge=1)]


class _Setting(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ToolAnswer(_Setting):
    """One tool call instead of the policy's; text arguments are sent verbatim, others as JSON.

    Applies to questions about `pair` (all when None), `times` times (until cleared when None).
    """

    tool: str
    arguments: str | dict[str, Any]
    pair: str | None = None
    times: Times = 1


class MessageAnswer(_Setting):
    """A whole assistant message, sent verbatim with its finish_reason; otherwise as above."""

    message: dict[str, Any]
    finish_reason: str = "tool_calls"
    pair: str | None = None
    times: Times = 1


# Told apart by their keys: each refuses the other's.
Answer = ToolAnswer | MessageAnswer


class Faults(_Setting):
    """What goes wrong: first the delay, then the first of what is set, in the order below.

    `times` counts requests, None means until cleared. `retry_after_seconds` goes with 429.
    """

    latency_seconds: float = Field(default=0.0, ge=0, le=3600, allow_inf_nan=False)
    silence: bool = False
    disconnect: bool = False
    status: int | None = Field(default=None, ge=400, le=599)
    retry_after_seconds: int = Field(default=1, ge=0)
    html: bool = False
    malformed: bool = False
    drip: bool = False
    times: Times = None


class ModelFaults(Faults):
    """The model's faults: the common ones, its own, and scripted answers, used in their order."""

    error_200: bool = False
    no_usage: bool = False
    wrong_model: bool = False
    answer: tuple[Answer, ...] = ()


_Kind = TypeVar("_Kind", bound=Faults)


def parse_faults(kind: type[_Kind], text: str | bytes) -> _Kind:
    """Read switches from JSON text. Raises UserError with one line per wrong key."""
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        lines = [_sentence(item["loc"], item["msg"]) for item in error.errors()]
    raise UserError("faults cannot be used:\n  " + "\n  ".join(lines))


def _sentence(place: tuple[int | str, ...], message: str) -> str:
    return f"{'.'.join(map(str, place)) or 'JSON'}: {message}"


class Switchboard(Generic[_Kind]):
    """The switches of one server, of the kind that server knows."""

    def __init__(self, faults: _Kind) -> None:
        self.faults = faults

    @property
    def kind(self) -> type[_Kind]:
        """The model that this server's switches are parsed with."""
        return type(self.faults)

    def replace(self, text: str | bytes) -> None:
        """Put switches from JSON text in the place of all that is set. Raises UserError."""
        self.faults = parse_faults(self.kind, text)

    def clear(self) -> None:
        """Let nothing go wrong any more and drop the scripted answers."""
        self.faults = self.kind()

    def take(self) -> _Kind:
        """Return what goes wrong with the request at hand, and count it."""
        taken = self.faults
        if taken.times == 1:
            # Scripted answers are not used up: they have their own count.
            self.faults = taken.model_copy(update=self.kind().model_dump(exclude={"answer"}))
        elif taken.times is not None:
            self.faults = taken.model_copy(update={"times": taken.times - 1})
        return taken


def take_answer(board: Switchboard[ModelFaults], pair: str | None) -> Answer | None:
    """Return the first scripted answer that applies to a pair and count it, or None."""
    queue = board.faults.answer
    for place, answer in enumerate(queue):
        if answer.pair in {None, pair}:
            rest = (*queue[:place], *_counted_down(answer), *queue[place + 1 :])
            board.faults = board.faults.model_copy(update={"answer": rest})
            return answer
    return None


def _counted_down(answer: Answer) -> tuple[Answer, ...]:
    """Return what remains of an answer after one use: itself, one time less, or nothing."""
    if answer.times is None:
        return (answer,)
    if answer.times == 1:
        return ()
    return (answer.model_copy(update={"times": answer.times - 1}),)
