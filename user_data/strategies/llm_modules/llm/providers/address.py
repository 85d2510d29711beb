"""Where a server is, as far as its address tells: what a key and a price depend on."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from llm_modules.errors import ConfigError

DEFAULT_PORTS = {"http": 80, "https": 443}
# Names that no public directory gives to anybody.
PRIVATE_ENDINGS = (".localhost", ".local", ".internal", ".lan", ".home.arpa")


@dataclass(frozen=True, slots=True)
class Server:
    """Scheme, host and port of an address: many servers of a machine differ in nothing else."""

    scheme: str
    host: str
    port: int | None

    @property
    def is_encrypted(self) -> bool:
        """Whether nobody on the way can read what is sent."""
        return self.scheme == "https"

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine, so that nothing sent there leaves it."""
        found = _ip(self.host)
        return self.host == "localhost" if found is None else found.is_loopback

    @property
    def is_private(self) -> bool:
        """Whether it is in one's own network; a name without a dot is one of that network."""
        found = _ip(self.host)
        if found is not None:
            return not found.is_global
        return bool(self.host) and ("." not in self.host or self.host.endswith(PRIVATE_ENDINGS))


def server_of(address: str) -> Server:
    """Return the server of an address. Raises ConfigError for what is none."""
    try:
        parts = urlsplit(address)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme)
        return Server(parts.scheme, parts.hostname or "", port)
    except ValueError:
        raise ConfigError(
            f"llm_config.api_base: found {address!r}, expected an address as https://host/v1"
        ) from None


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
