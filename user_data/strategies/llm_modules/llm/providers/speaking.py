"""Finds who speaks to a server: the dialect that its provider's row names."""

from collections.abc import Callable, Mapping

from llm_modules.config import LLMConfig
from llm_modules.errors import ConfigError
from llm_modules.llm.chat import ChatCompletions
from llm_modules.llm.providers.dialect import Dialect, Target
from llm_modules.llm.providers.messages import Messages
from llm_modules.llm.providers.row import DialectName

DIALECTS: Mapping[DialectName, Callable[[Target, LLMConfig], Dialect]] = {
    "chat": ChatCompletions,
    "messages": Messages,
}


def dialect_for(target: Target, config: LLMConfig) -> Dialect:
    """Return what speaks to a target's server.

    Raises ConfigError where no address is known, or a library is missing.
    """
    row = target.provider
    if not target.api_base:
        raise ConfigError(
            f"llm_config.api_base: found none, and provider {row.name!r} has no server of its own; "
            "set the address of yours, as http://localhost:8000/v1"
        )
    return DIALECTS[row.dialect](target, config)
