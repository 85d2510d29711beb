"""The capability table: one row per provider, so that no code asks who it is talking to."""

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

from llm_modules.errors import ConfigError
from llm_modules.llm.providers.row import LimitField, Provider
from llm_modules.llm.providers.rows import GENERIC, ROWS

__all__ = ["GENERIC", "PROVIDERS", "LimitField", "Provider", "provider_of"]

PROVIDERS: Mapping[str, Provider] = MappingProxyType({row.name: row for row in ROWS})


def provider_of(name: str, api_base: str) -> Provider:
    """Return the row of a named provider, or the one whose server an address is.

    An address nobody knows is `compatible`. Raises ConfigError for an unknown name and for what is
    no address.
    """
    if name:
        if name not in PROVIDERS:
            known = ", ".join(sorted(PROVIDERS))
            raise ConfigError(f"llm_config.provider: found {name!r}, expected one of {known}")
        return PROVIDERS[name]
    server = _server(api_base)
    for row in PROVIDERS.values():
        if server in map(_server, (row.api_base, *row.also_at)):
            return row
    return GENERIC


def _server(address: str) -> str:
    """Return host and port: many servers of a machine differ in nothing else."""
    try:
        return urlsplit(address).netloc.lower()
    except ValueError:
        raise ConfigError(
            f"llm_config.api_base: found {address!r}, expected an address as https://host/v1"
        ) from None
