"""config.json and the environment, read and merged exactly as Freqtrade reads and merges them.

Freqtrade's own loader is not used: it answers a wrong file with exit status 0 or a bare KeyError,
and importing it takes longer than all of our checks.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import rapidjson

from llm_modules.errors import ConfigError
from llm_modules.operations.places import shown
from llm_modules.operations.settings.env_file import FREQTRADE_PREFIX, refuse_repeated_prefix
from llm_modules.operations.settings.located import repeated_keys

# The very flags of Freqtrade's loader.
PARSE_MODE = rapidjson.PM_COMMENTS | rapidjson.PM_TRAILING_COMMAS
TEXT_KEYS = ("CHAT_ID", "PASSWORD")
CCXT_BLOCKS = ("ccxt_config", "ccxt_sync_config", "ccxt_async_config")
# The strategy's, where the settings name none.
USUAL_TIMEFRAME = "30m"
BOOLEANS = {"t": True, "true": True, "f": False, "false": False}

Settings = dict[str, Any]


def read_text(path: Path) -> str:
    """Return the text of a settings file. Raises ConfigError when it is missing or unreadable."""
    return exact_text(path).replace("\r\n", "\n").replace("\r", "\n")


def exact_text(path: Path) -> str:
    """Return the same with its line endings as they are, for who writes it back."""
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError as error:
        raise ConfigError(f"{shown(path)} is missing; restore it from the repository") from error
    except OSError as error:
        raise ConfigError(f"{shown(path)} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{shown(path)} is not UTF-8 text (byte {error.start})") from error


def parse_text(text: str, name: str) -> Settings:
    """Read JSON with comments and trailing commas.

    Raises ConfigError with line and column when it is not JSON or not an object, and with the
    lines of a key that stands twice.
    """
    # Some editors put it there, nobody sees it, and Freqtrade refuses it as an invalid value.
    if text.startswith("\ufeff"):
        raise ConfigError(f"{name} begins with a byte order mark: save it as UTF-8 without BOM")
    # As bytes, because the parser counts bytes when it says where it stopped.
    encoded = text.encode()
    try:
        settings = rapidjson.loads(encoded, parse_mode=PARSE_MODE)
    except rapidjson.JSONDecodeError as error:
        raise ConfigError(f"{name}, {_position(str(error), encoded)}") from error
    if not isinstance(settings, dict):
        raise ConfigError(f"{name}: found {type(settings).__name__}, expected an object {{...}}")
    if repeated := repeated_keys(text):
        raise ConfigError(f"{name}: {'; '.join(repeated)}: keep one of each")
    if "add_config_files" in settings:
        raise ConfigError(
            f"{name}: add_config_files is not supported; settings belong in config.json, "
            "secrets in .env"
        )
    return settings


def read_settings(path: Path) -> Settings:
    """Read one settings file. Raises ConfigError when it is missing or wrong."""
    return parse_text(read_text(path), shown(path))


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> Settings:
    """Return `base` changed by `over`: objects are merged, anything else is replaced."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            result[key] = merged(below, value)
        else:
            result[key] = value
    return result


def environment_settings(environment: Mapping[str, str]) -> Settings:
    """Return what the FREQTRADE__SECTION__KEY variables set, converted as Freqtrade converts.

    Empty variables are left out: the plan hands none to Freqtrade, where they would erase. Raises
    ConfigError for a name that holds the prefix more than once.
    """
    refuse_repeated_prefix(environment)
    settings: Settings = {}
    for name, text in sorted(environment.items()):
        if name.startswith(FREQTRADE_PREFIX) and text:
            settings = merged(
                settings, _nested(name.removeprefix(FREQTRADE_PREFIX).split("__"), text)
            )
    return settings


def value_at(settings: Mapping[str, Any], dotted: str) -> Any:
    """Return the value at a path such as `exchange.name`, None where there is nothing."""
    value: Any = settings
    for part in dotted.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _nested(parts: list[str], text: str) -> Settings:
    # A password of digits must not become a number.
    value: Any = text if parts[-1] in TEXT_KEYS else _typed(text)
    in_ccxt = parts[0].lower() == "exchange" and any(part.lower() in CCXT_BLOCKS for part in parts)
    # ccxt's own options are spelled in camel case.
    innermost = parts[-1] if in_ccxt else parts[-1].lower()
    for key in (innermost, *(part.lower() for part in reversed(parts[:-1]))):
        value = {key: value}
    settings: Settings = value
    return settings


def _typed(text: str) -> object:
    """Convert as Freqtrade does: integer, float, boolean, list, else the text itself."""
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    if text.lower() in BOOLEANS:
        return BOOLEANS[text.lower()]
    try:
        value = rapidjson.loads(text)
    except rapidjson.JSONDecodeError:
        return text
    return value if isinstance(value, list) else text


def _position(message: str, encoded: bytes) -> str:
    """Turn rapidjson's `Parse error at offset N: why` into line, column and why."""
    head, _, cause = message.partition(": ")
    digits = head.rpartition(" ")[2]
    if not digits.isdigit():
        return message
    before = encoded[: int(digits)].decode(errors="ignore")
    line = before.count("\n") + 1
    column = len(before) - (before.rfind("\n") + 1) + 1
    return f"line {line}, column {column}: {cause}"
