"""Opens what answers prompts, as the configuration names it: servers, tape and meter joined."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from llm_modules.config import API_KEY_VARIABLE, LLMConfig, ServerConfig
from llm_modules.llm.carrier import LiveCarrier
from llm_modules.llm.chat import ChatCompletions
from llm_modules.llm.client import LLMClient
from llm_modules.llm.endpoint import Endpoint
from llm_modules.llm.meter import Meter
from llm_modules.llm.providers.dialect import Target
from llm_modules.llm.providers.table import provider_of
from llm_modules.llm.recorder import Recorder
from llm_modules.llm.tape import Tape

# What servers without keys are sent.
NO_KEY = "no-key"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an endpoint leaves its traces in."""

    tape: Tape | None
    meter: Meter


def targets(config: LLMConfig, environment: Mapping[str, str]) -> tuple[Target, ...]:
    """Return the models to ask, in order. Raises ConfigError for an unknown provider.

    A key goes to the server it was given for and to no other: LLM_API_KEY is the first model's.
    """
    first = _target(config, environment.get(API_KEY_VARIABLE), environment)
    further = (
        _target(server, first.key.get_secret_value() if _same(server, first) else None, environment)
        for server in config.fallbacks
    )
    return (first, *further)


def open_client(
    config: LLMConfig, environment: Mapping[str, str], around: Surroundings
) -> LLMClient:
    """Return a client of the configured models. Raises ConfigError."""
    (first, *_further) = targets(config, environment)
    return _endpoint(first, config, around)


def _endpoint(target: Target, config: LLMConfig, around: Surroundings) -> Endpoint:
    dialect = ChatCompletions(target, config)
    recorder = Recorder(around.tape, around.meter, target)
    carrier = LiveCarrier(dialect, recorder, around.meter, target.key)
    return Endpoint(target, config, dialect, carrier)


def _target(server: ServerConfig, key: str | None, environment: Mapping[str, str]) -> Target:
    provider = provider_of(server.provider, server.api_base)
    # LLM_API_KEY is the first model's alone.
    variable = provider.key_variable
    own = environment.get(variable) if variable != API_KEY_VARIABLE else None
    return Target(
        provider=provider,
        api_base=server.api_base or provider.api_base,
        model=server.model,
        key=SecretStr(key or own or NO_KEY),
    )


def _same(server: ServerConfig, first: Target) -> bool:
    provider = provider_of(server.provider, server.api_base)
    return (server.api_base or provider.api_base) == first.api_base
