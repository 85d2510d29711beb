"""The capability table: one row per provider, so that no code asks who it is talking to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from llm_modules.config import API_KEY_VARIABLE
from llm_modules.errors import ConfigError

DialectName = Literal["chat", "messages"]
LimitField = Literal["max_tokens", "max_completion_tokens"]


@dataclass(frozen=True, slots=True)
class Provider:
    """What a provider's servers understand, and how their answers differ.

    `api_base` is its own server, empty where users run one. `key_variable` is the environment's
    name for its key. `forced_call`: it understands `tool_choice: required`; `parallel_switch`:
    and `parallel_tool_calls`; `several_calls`: it can answer with more than one call.
    `extra` goes into every request. `quirks` and `source` are for people.
    """

    name: str
    api_base: str = ""
    key_variable: str = API_KEY_VARIABLE
    dialect: DialectName = "chat"
    strict_tools: bool = False
    forced_call: bool = True
    parallel_switch: bool = True
    several_calls: bool = True
    temperature: bool = True
    limit_field: LimitField = "max_tokens"
    reasoning_fields: tuple[str, ...] = ("reasoning_content", "reasoning")
    cache: str = "none known"
    extra: Mapping[str, Any] = field(default_factory=dict)
    quirks: tuple[str, ...] = ()
    source: str = ""


GENERIC = Provider("compatible")
PROVIDERS: Mapping[str, Provider] = {
    row.name: row
    for row in (
        GENERIC,
        Provider(
            "openai",
            api_base="https://api.openai.com/v1",
            key_variable="OPENAI_API_KEY",
        ),
    )
}


def provider_of(name: str, api_base: str) -> Provider:
    """Return the row of a named provider, or the one whose server an address is.

    An address nobody knows is `compatible`. Raises ConfigError for an unknown name.
    """
    if name:
        if name not in PROVIDERS:
            known = ", ".join(sorted(PROVIDERS))
            raise ConfigError(f"llm_config.provider: found {name!r}, expected one of {known}")
        return PROVIDERS[name]
    host = urlsplit(api_base).hostname
    for row in PROVIDERS.values():
        if row.api_base and urlsplit(row.api_base).hostname == host:
            return row
    return GENERIC
