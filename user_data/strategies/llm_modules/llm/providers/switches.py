"""What a server may refuse of a request, how its words betray it, and how to do without."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from llm_modules.dialogue import Prompt
from llm_modules.errors import ProviderError
from llm_modules.llm.providers.row import Provider

_OTHER_LIMIT = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}


@dataclass(frozen=True, slots=True)
class Switch:
    """One field of `Provider`; `words` name it in a server's error message."""

    field: str
    words: tuple[str, ...]

    def value(self, row: Provider) -> Any:
        """Return how a row has it: true, false, or the name of the limit."""
        return getattr(row, self.field)

    def without(self, row: Provider) -> Provider:
        """Return a row that does without it: off, or the other field for the limit."""
        return self._set(row, _OTHER_LIMIT.get(self.value(row), False))

    def as_in(self, row: Provider, other: Provider) -> Provider:
        """Return a row with this field as another one has it."""
        return self._set(row, self.value(other))

    def _set(self, row: Provider, value: Any) -> Provider:
        changes: dict[str, Any] = {self.field: value}
        return replace(row, **changes)


# The first one that is named is believed: a longer name before one that is a part of it.
OF_ALL = (
    Switch("temperature", ("temperature",)),
    Switch("limit_field", ("max_tokens", "max_completion_tokens")),
)
OF_TOOLS = (
    Switch("parallel_switch", ("parallel_tool", "parallel tool")),
    Switch("forced_call", ("tool_choice", "tool choice")),
    Switch("strict_tools", ("strict", "schema", "additionalproperties")),
)


def in_use(prompt: Prompt, row: Provider) -> list[Switch]:
    """Return what a server can refuse of a question: with tools only what belongs to them.

    The rest was settled by a question without, which comes first.
    """
    return [one for one in (OF_TOOLS if prompt.tools else OF_ALL) if one.value(row)]


def named(error: ProviderError, switches: Sequence[Switch]) -> Switch | None:
    """Return which of some switches a server's refusal speaks of, None when of none."""
    words = str(error).lower()
    return next((one for one in switches if any(word in words for word in one.words)), None)


def guesses(prompt: Prompt, row: Provider) -> Iterator[Provider]:
    """Yield the rows to try when a refusal names nothing.

    Without tools one thing after the other, then both. With tools all at once: the questions that
    follow turn one after the other on again, and so find the culprit at no cost.
    """
    switches = in_use(prompt, row)
    if not prompt.tools:
        for switch in switches:
            yield switch.without(row)
    bare = row
    for switch in switches:
        bare = switch.without(bare)
    # One switch without tools was tried above; without any the same would be refused again.
    if len(switches) > (0 if prompt.tools else 1):
        yield bare
