"""What each question accepts, the same for an answer typed and for a flag.

Each function takes a text and returns the value; each raises ConfigError that says what was found
and what was expected.
"""

import difflib
import importlib.util
import math
import re
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from llm_modules.config import TIMEFRAMES, ServerConfig
from llm_modules.errors import ConfigError
from llm_modules.llm.providers.table import PROVIDERS
from llm_modules.operations.setup.profiles import NAMES

SANDBOX = "sandbox"
OWN_SERVER = "compatible"
# In the order of the question: what needs nothing, those with a server of their own, one's own.
PROVIDER_CHOICES = (SANDBOX, *(name for name in PROVIDERS if name != OWN_SERVER), OWN_SERVER)
LARGEST_WALLET = 1e12

_BASE = r"[A-Z0-9]{1,30}"


def provider(text: str) -> str:
    """Return a preset's name, `compatible` for another server, or `sandbox` for none."""
    return _one_of(text, PROVIDER_CHOICES)


def model(text: str) -> str:
    """Return the name of a model."""
    if not text:
        raise ConfigError("found nothing, expected the model's name at its server")
    return _server_key("model", text)


def address(text: str) -> str:
    """Return the address of a server."""
    if not text:
        raise ConfigError(
            "found nothing, expected the address of the server, such as http://host/v1"
        )
    return _server_key("api_base", text)


def exchange(text: str) -> str:
    """Return the name of an exchange that ccxt knows."""
    known = _exchanges()
    if text in known:
        return text
    close = difflib.get_close_matches(text.lower(), known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise ConfigError(f"found {text!r}, expected the name of an exchange, such as 'binance'{hint}")


def pairs(texts: Sequence[str], stake: str) -> tuple[str, ...]:
    """Return futures pairs of the stake currency, each once."""
    names = [name for text in texts for name in re.split(r"[\s,]+", text) if name]
    expected = f"pairs such as BTC/{stake}:{stake}"
    if not names:
        raise ConfigError(f"found nothing, expected {expected}")
    # Of the user's own stake currency: others are no market of this bot.
    form = re.compile(rf"{_BASE}/{re.escape(stake)}:{re.escape(stake)}")
    for name in names:
        if not form.fullmatch(name):
            raise ConfigError(f"found {name!r}, expected {expected}{_pair_hint(name, stake)}")
        # Most likely another pair was meant.
        if names.count(name) > 1:
            raise ConfigError(f"found {name!r} twice, expected each pair once")
    return tuple(names)


def timeframe(text: str) -> str:
    """Return a timeframe Freqtrade knows."""
    return _one_of(text, TIMEFRAMES)


def wallet(text: str) -> float:
    """Return an amount of simulated money, whole where it is whole."""
    try:
        amount = float(text)
    except ValueError:
        amount = math.nan
    if not 1 <= amount <= LARGEST_WALLET:
        raise ConfigError(
            f"found {text!r}, expected an amount of 1 or more, as 1000 or 2500.5, "
            "without commas between"
        )
    return int(amount) if amount.is_integer() else amount


def risk(text: str) -> str:
    """Return the name of a set of limits."""
    return _one_of(text, NAMES)


def telegram_token(text: str) -> str:
    """Return the token of a Telegram bot. What was found is not repeated."""
    if not re.fullmatch(r"\d+:[A-Za-z0-9_-]{10,}", text):
        raise ConfigError("expected the token of a Telegram bot, as BotFather tells it: 123:ABC...")
    return text


def telegram_chat(text: str) -> str:
    """Return the number of a chat; a group's is negative."""
    if not re.fullmatch(r"-?[0-9]{1,20}", text):
        raise ConfigError("expected the number of a chat, such as 123456789 or -100123456789")
    return text


def key(text: str) -> str:
    """Return a key. What was found is not repeated."""
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigError("expected a key: one line, without spaces")
    return text


def _one_of(text: str, known: Sequence[str]) -> str:
    if text in known:
        return text
    raise ConfigError(f"found {text!r}, expected one of {', '.join(known)}")


def _server_key(name: str, text: str) -> str:
    keys = {"provider": OWN_SERVER, "api_base": "", "model": "any", name: text}
    try:
        ServerConfig.model_validate(keys)
    except ValidationError as error:
        expected = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
    else:
        return text
    # Outside the except: a chained ValidationError would print an address with a key in it.
    # What may be left out of the settings is asked for here.
    raise ConfigError(f"expected {expected.removesuffix(', or empty')}")


def _exchanges() -> set[str]:
    # By the names of its files: importing ccxt takes seconds.
    found = importlib.util.find_spec("ccxt")
    folders = (found.submodule_search_locations if found else None) or []
    files = (path for folder in folders for path in (Path(folder) / "async_support").glob("*.py"))
    return {path.stem for path in files if not path.stem.startswith("_")}


def _pair_hint(name: str, stake: str) -> str:
    base = re.split(r"[/:_-]", name.upper())[0].removesuffix(stake)
    return f"; did you mean {base}/{stake}:{stake}?" if re.fullmatch(_BASE, base) else ""
