"""What guards real money against others: secrets nobody can guess, an API nobody else reaches."""

import ipaddress
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from llm_modules.errors import ConfigError
from llm_modules.operations.settings.reading import value_at
from llm_modules.operations.settings.secret_keys import VARIABLES

# Shorter ones are typed by people; the generated ones have 65 characters, Binance's keys 64.
SHORTEST = {
    "api_server.password": 12,
    "api_server.jwt_secret_key": 32,
    "api_server.ws_token": 16,
    "exchange.key": 16,
    "exchange.secret": 16,
}
# What stands in Freqtrade's own examples, and what people type who want to be done.
EXAMPLES = {
    "freqtrader",
    "freqtrade",
    "password",
    "changeme",
    "secret",
    "supersecurepassword",
    "supersecretpassword",
    "supersecret1!",
    "somethingrandom",
    "somethingrandomsomethingrandom123",
    "sercet_ws_t0ken",
}
EXAMPLE_BEGINNING = "your_"
# Inside, every address is meant, and docker-compose.yml says who gets there.
CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))


def weak_secrets(settings: Mapping[str, Any], block: str = "") -> Iterator[str]:
    """Yield what is wrong with each secret, none of which is shown; `block` names one alone."""
    username = value_at(settings, "api_server.username")
    for key, shortest in SHORTEST.items():
        text = value_at(settings, key)
        problem = _weakness(text, shortest)
        if problem is None and text == username:
            problem = "the user name again"
        if problem is not None and key.startswith(block):
            yield f"{key} is {problem}: put another into .env as {VARIABLES[key]}"


def reachable_api(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield that others can reach the API, which can trade; in a container that is for Docker."""
    address = value_at(settings, "api_server.listen_ip_address")
    if not _is_loopback(address) and not any(mark.exists() for mark in CONTAINER_MARKS):
        yield (
            f"api_server.listen_ip_address is {address!r}: others could reach the API, which can "
            "trade; expected 127.0.0.1"
        )


def demand_guarded_api(settings: Mapping[str, Any]) -> None:
    """Raise ConfigError where somebody else could trade real money through the API."""
    problems = [*weak_secrets(settings, "api_server."), *reachable_api(settings)]
    if problems:
        raise ConfigError(f"dry_run is false, but {'; and '.join(problems)}")


def _weakness(text: object, shortest: int) -> str | None:
    if not text:
        return "empty"
    low = str(text).lower()
    if low in EXAMPLES or low.startswith(EXAMPLE_BEGINNING):
        return "an example that everybody knows"
    if len(low) < shortest:
        return f"too short, expected at least {shortest} characters"
    return None


def _is_loopback(address: object) -> bool:
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(str(address)).is_loopback
    except ValueError:
        return False
