"""What one row of the capability table says of a provider."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any, Literal

from llm_modules.config import API_KEY_VARIABLE
from llm_modules.llm.providers.strict import OPENAI_STRICT, StrictSubset
from llm_modules.llm.providers.usage import OPENAI_USAGE, UsageFields

DialectName = Literal["chat", "messages"]
LimitField = Literal["max_tokens", "max_completion_tokens"]
CacheWay = Literal["none", "automatic", "marked"]


@dataclass(frozen=True, slots=True)
class ModelRule:
    """What holds for some models of a provider: columns by name, for models by pattern (`*`)."""

    models: tuple[str, ...]
    columns: Mapping[str, Any]

    def covers(self, model: str) -> bool:
        """Tell whether a model is one of them, however its name is spelled."""
        return any(fnmatchcase(model.lower(), pattern) for pattern in self.models)


@dataclass(frozen=True, slots=True)
class Provider:
    """What a provider's servers understand, and how their answers differ.

    Addresses: `api_base` is its own server, empty where users run one; `also_at` are further ones.
    `key_variable` is the environment's name for its key.

    Tools: `strict_tools`: it enforces schemas of `strict_subset`. `forced_call`: it can be made to
    call a tool. `parallel_switch`: it can be told how many; `several_calls`: it can make more than
    one. `temperature` and `limit_field`: what those two settings are called, if understood at all.
    `extra` goes into every request.

    Answers: `reasoning_fields` hold thoughts, which are never read as an answer. `usage`: where the
    counts stand.

    Context cache: whether it works by itself or on marked parts; `cache_key`: it takes a
    `prompt_cache_key`.

    `rules` are for models that differ. `quirks` and `source`, the titles of its documentation, are
    for people.
    """

    name: str
    api_base: str = ""
    also_at: tuple[str, ...] = ()
    key_variable: str = API_KEY_VARIABLE
    dialect: DialectName = "chat"
    strict_tools: bool = False
    strict_subset: StrictSubset = OPENAI_STRICT
    forced_call: bool = True
    parallel_switch: bool = True
    several_calls: bool = True
    temperature: bool = True
    limit_field: LimitField = "max_tokens"
    reasoning_fields: tuple[str, ...] = ("reasoning_content", "reasoning")
    usage: UsageFields = OPENAI_USAGE
    cache: CacheWay = "none"
    cache_key: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)
    rules: tuple[ModelRule, ...] = ()
    quirks: tuple[str, ...] = ()
    source: str = ""

    def of(self, model: str) -> "Provider":
        """Return the row as it is for one model; of two rules the later wins."""
        if not self.rules:
            return self
        columns = {
            name: value
            for rule in self.rules
            if rule.covers(model)
            for name, value in rule.columns.items()
        }
        return replace(self, **columns) if columns else self
