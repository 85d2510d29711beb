"""Answers as new texts of both files, and what differs in words. Nothing is written here."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from llm_modules.config import API_KEY_VARIABLE
from llm_modules.operations.settings.editing import Entry, inserted, with_value
from llm_modules.operations.settings.env_file import (
    GENERATED,
    completed,
    variables_in,
    with_variables,
)
from llm_modules.operations.settings.located import Node, located
from llm_modules.operations.settings.reading import parse_text, value_at
from llm_modules.operations.setup.answers import (
    EXCHANGE_KEYS,
    TELEGRAM_CHAT,
    TELEGRAM_TOKEN,
    Answers,
)
from llm_modules.operations.setup.current import Current
from llm_modules.operations.setup.profiles import PROFILES

SECRETS = (API_KEY_VARIABLE, *EXCHANGE_KEYS, TELEGRAM_TOKEN, TELEGRAM_CHAT, *GENERATED)
_TELEGRAM = Entry('"telegram": {"enabled": true}', tail="      // its token and chat are in .env")


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that changes, in words: what it is, how it was and how it will be."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Draft:
    """Both files as they would be."""

    settings_text: str
    env_text: str
    differences: tuple[Difference, ...]


def drafted(settings_text: str, env_text: str, answers: Iterable[Answers]) -> Draft:
    """Return both texts with the answers in them. Raises ConfigError."""
    text, env = settings_text, env_text
    for answer in answers:
        for key, value in _settings_of(answer).items():
            text = with_value(text, tuple(key.split(".")), value)
        text = _with_telegram(text, answer)
        env = with_variables(env, answer.secrets)
    env = completed(env)
    differences = (*_settings_differences(settings_text, text), *_secret_differences(env_text, env))
    return Draft(text, env, differences)


def current_of(settings_text: str, env_text: str) -> Current:
    """Return what both texts say. Raises ConfigError."""
    return Current(parse_text(settings_text, "config.json"), variables_in(env_text, ".env"))


def _settings_of(answer: Answers) -> dict[str, Any]:
    limits = PROFILES.get(answer.risk or "", {})
    settings = {f"risk_management.{key}": limit for key, limit in limits.items()}
    if limits:
        # Freqtrade has a limit of its own, which would bind where it is lower.
        settings["max_open_trades"] = limits["max_open_trades"]
    return {**answer.settings, **settings}


def _with_telegram(text: str, answer: Answers) -> str:
    block = value_at(parse_text(text, "config.json"), "telegram")
    if answer.telegram is None or (block is None and not answer.telegram):
        return text
    if block is not None:
        return with_value(text, ("telegram", "enabled"), answer.telegram)
    root = located(text)
    return inserted(text, root, _place_of_telegram(root), _TELEGRAM)


def _place_of_telegram(root: Node) -> int:
    keys = [member.key for member in root.members]
    return keys.index("api_server") + 1 if "api_server" in keys else len(keys)


def _settings_differences(before: str, after: str) -> Iterator[Difference]:
    old, new = (dict(_flat(parse_text(text, "config.json"))) for text in (before, after))
    for key, value in new.items():
        if key not in old or old[key] != value:
            yield Difference(key, _worded(old[key]) if key in old else "-", _worded(value))


def _secret_differences(before: str, after: str) -> Iterator[Difference]:
    old, new = variables_in(before, ".env"), variables_in(after, ".env")
    for name in SECRETS:
        was, is_now = old.get(name, ""), new.get(name, "")
        if was != is_now:
            state = "changed" if was else "made at random" if name in GENERATED else "set"
            yield Difference(name, "set" if was else "not set", state if is_now else "taken out")


def _flat(settings: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def _worded(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value)) or "none"
    return "none" if value == "" else json.dumps(value, ensure_ascii=False).strip('"')
