"""Opens what answers prompts, as the configuration names it: servers, tape and meter joined."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import SecretStr

from llm_modules.config import API_KEY_VARIABLE, LLMConfig, ServerConfig
from llm_modules.errors import ConfigError
from llm_modules.llm.chain import ModelChain
from llm_modules.llm.chat import endpoint_root
from llm_modules.llm.client import LLMClient
from llm_modules.llm.endpoint import Endpoint
from llm_modules.llm.meter import Meter
from llm_modules.llm.patience import Patience, live_patience
from llm_modules.llm.playback import Carriers
from llm_modules.llm.providers.dialect import Target
from llm_modules.llm.providers.findings import Findings
from llm_modules.llm.providers.speaking import dialect_for
from llm_modules.llm.providers.table import provider_of
from llm_modules.llm.tape import Tape

# What servers without keys are sent.
NO_KEY = "no-key"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an endpoint leaves its traces in."""

    tape: Tape | None
    meter: Meter


def targets(
    config: LLMConfig, environment: Mapping[str, str], findings: Findings | None = None
) -> tuple[Target, ...]:
    """Return the models to ask, in order; `findings` tell more of their servers than the table.

    Raises ConfigError for an unknown provider, and for a model that is named twice.

    A key goes to the server it was given for and to no other: LLM_API_KEY is the first model's, a
    provider's own is for its own servers.
    """
    first = _target(config, environment.get(API_KEY_VARIABLE), environment)
    further = (
        _target(server, first.key.get_secret_value() if _same(server, first) else None, environment)
        for server in config.fallbacks
    )
    known = (first, *further)
    _refuse_twins(known)
    return known if findings is None else tuple(map(findings.applied, known))


def demand_several_calls(config: LLMConfig, asked: Sequence[Target]) -> None:
    """Raise ConfigError where all pairs are to be asked about at once of whom makes one call."""
    single = [one.model for one in asked if not one.provider.of(one.model).several_calls]
    if single and config.asking.scope == "portfolio":
        raise ConfigError(
            f"llm_config.asking.scope: found 'portfolio', but {', '.join(single)} answers with one "
            "tool call at a time: set it to 'pair'"
        )


def open_client(config: LLMConfig, asked: Sequence[Target], around: Surroundings) -> LLMClient:
    """Return a client of these models, as `tape_mode` says. Raises ConfigError."""
    carriers = Carriers(config.tape_mode, around.tape, around.meter)
    links: list[Endpoint] = []
    for target, patience in _with_patience(asked, config):
        dialect = dialect_for(target, config)
        carrier, recorded = carriers.carrier(target, dialect), carriers.recorded(target)
        links.append(Endpoint(target, config, dialect, carrier, patience, recorded))
    seconds = math.inf if config.is_played else config.timeout
    return ModelChain(links, seconds, aftermath=carriers.aftermath())


def _with_patience(asked: Iterable[Target], config: LLMConfig) -> Iterator[tuple[Target, Patience]]:
    """Join each model with the patience for its server: models of one server share it."""
    by_server: dict[str, Patience] = {}
    for target in asked:
        server = endpoint_root(target.api_base)
        yield target, by_server.setdefault(server, live_patience(config))


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


def _refuse_twins(known: Iterable[Target]) -> None:
    """Raise ConfigError where what failed would be asked again under the name of a fallback."""
    seen: set[tuple[str, str]] = set()
    for target in known:
        asked = (endpoint_root(target.api_base), target.model)
        if asked in seen:
            raise ConfigError(
                f"llm_config.fallbacks: found {target.model!r} twice at the same server, expected "
                "each model once"
            )
        seen.add(asked)


def _same(server: ServerConfig, first: Target) -> bool:
    provider = provider_of(server.provider, server.api_base)
    own, other = server.api_base or provider.api_base, first.api_base
    return endpoint_root(own) == endpoint_root(other)
