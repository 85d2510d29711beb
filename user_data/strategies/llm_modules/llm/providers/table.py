"""The capability table: one row per provider, so that no code asks who it is talking to."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from llm_modules.config import API_KEY_VARIABLE
from llm_modules.errors import ConfigError
from llm_modules.llm.providers.address import Server, server_of
from llm_modules.llm.providers.row import LimitField, Provider
from llm_modules.llm.providers.rows import GENERIC, ROWS

__all__ = ["GENERIC", "PROVIDERS", "LimitField", "Provider", "provider_of"]

PROVIDERS: Mapping[str, Provider] = MappingProxyType({row.name: row for row in ROWS})


def provider_of(name: str, api_base: str) -> Provider:
    """Return the row of a named provider, or the one whose server an address is.

    An address nobody knows is `compatible`. A row at another server than its provider's has not the
    provider's own key: that is for nobody else. Raises ConfigError for an unknown name, for what is
    no address, and for a provider's own server asked without encryption.
    """
    server = server_of(api_base)
    _refuse_plain(server, api_base)
    if not name:
        return next((row for row in PROVIDERS.values() if server in _servers(row)), GENERIC)
    if name not in PROVIDERS:
        known = ", ".join(sorted(PROVIDERS))
        raise ConfigError(f"llm_config.provider: found {name!r}, expected one of {known}")
    row = PROVIDERS[name]
    is_own = not api_base or server.is_loopback or server in _servers(row)
    return row if is_own else replace(row, key_variable=API_KEY_VARIABLE)


def _servers(row: Provider) -> tuple[Server, ...]:
    return tuple(server_of(address) for address in (row.api_base, *row.also_at) if address)


def _refuse_plain(server: Server, address: str) -> None:
    """Raise ConfigError where a key would go to a provider for everybody on the way to read."""
    encrypted = {
        one.host for row in PROVIDERS.values() for one in _servers(row) if one.is_encrypted
    }
    if server.host in encrypted and not server.is_encrypted:
        raise ConfigError(
            f"llm_config.api_base: found {address!r}, expected https:// for a provider's own server"
        )
