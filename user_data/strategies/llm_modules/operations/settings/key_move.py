"""Secrets out of config.json and into .env, everything else in the file left as it stands."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llm_modules.errors import ConfigError
from llm_modules.operations.places import Places, shown
from llm_modules.operations.settings.env_file import read_env_file, with_variables, write_private
from llm_modules.operations.settings.located import located_values
from llm_modules.operations.settings.reading import exact_text, parse_text, value_at
from llm_modules.operations.settings.secret_keys import (
    VARIABLES,
    literal_secrets,
    refuse_ccxt_secrets,
)


def move_keys(places: Places, stamp: str) -> tuple[str, ...]:
    """Move every literal secret, after a backup named by `stamp`; return the keys moved.

    Comments and formatting stay. Raises ConfigError, with nothing changed, when a file cannot be
    read, a secret stands where it cannot be moved from, or .env already holds another value
    under the same name.
    """
    text = exact_text(places.settings)
    settings = parse_text(text, shown(places.settings))
    refuse_ccxt_secrets(settings, shown(places.settings))
    keys = literal_secrets(settings)
    if not keys:
        return ()
    variables = _variables(settings, keys)
    _refuse_conflicts(read_env_file(places.env_file), variables)
    env_text = places.env_file.read_text(encoding="utf-8") if places.env_file.exists() else ""
    new_env_text = with_variables(env_text, variables)
    _back_up(places, text, stamp)
    # First the new place, then the old one: a crash in between loses nothing.
    write_private(places.env_file, new_env_text)
    _replace_keeping_mode(places.settings, blanked(text, keys))
    return keys


def blanked(text: str, keys: tuple[str, ...]) -> str:
    """Return the text with the values at these dotted keys emptied, and nothing else changed."""
    spans = [item for item in located_values(text) if ".".join(item.path) in keys]
    # From the end, so that the positions of those before stay right.
    for item in reversed(spans):
        text = text[: item.start] + '""' + text[item.end :]
    return text


def _variables(settings: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, str]:
    """Name and value of each secret in .env; two spellings of one setting must agree."""
    variables: dict[str, str] = {}
    for key in keys:
        value = value_at(settings, key)
        # Freqtrade reads lists from the environment, objects not.
        if isinstance(value, Mapping):
            raise ConfigError(f"{key}: found an object, expected a text")
        text = json.dumps(value) if isinstance(value, list) else str(value)
        if variables.setdefault(VARIABLES[key], text) != text:
            raise ConfigError(f"{key}: stands in config.json twice with different values")
    return variables


def _refuse_conflicts(there: Mapping[str, str], variables: Mapping[str, str]) -> None:
    conflicts = [
        name for name, value in variables.items() if there.get(name, "") not in ("", value)
    ]
    if conflicts:
        raise ConfigError(
            f".env already holds another value for {', '.join(conflicts)}; "
            "remove the one that is wrong, there or in config.json"
        )


def _back_up(places: Places, text: str, stamp: str) -> None:
    places.backups.mkdir(parents=True, exist_ok=True)
    write_private(places.backups / f"{stamp}.config.json", text)


def _replace_keeping_mode(path: Path, text: str) -> None:
    mode = path.stat().st_mode & 0o777
    write_private(path, text)
    path.chmod(mode)
