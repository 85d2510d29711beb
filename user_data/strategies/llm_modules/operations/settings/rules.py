"""What Freqtrade itself needs of the settings, checked before it starts.

Freqtrade ends with exit status 0 on a wrong configuration and with a bare KeyError on some missing
keys. A rule is a function of the merged settings that yields problems; all run, and one message
lists them all together with those of our own blocks.
"""

import difflib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from llm_modules.config import TIMEFRAMES, TraderConfig, parse_config
from llm_modules.errors import ConfigError
from llm_modules.llm.opening import targets
from llm_modules.llm.spending.opening import prices_of
from llm_modules.operations.settings.reading import value_at
from llm_modules.operations.settings.secret_keys import has_one_account
from llm_modules.operations.setup.migrations import has_old_keys

Rule = Callable[[Mapping[str, Any]], Iterator[str]]

NEVER_SENT = "api_server.password", "api_server.jwt_secret_key"
SHORTEST_SIGNING_KEY = 32
# Below this, dry_run would be taken for a typo of dry_run_wallet.
CLOSE = 0.85
# Freqtrade's own log_config is no llm_config.
CLOSE_TO_OURS = 0.85


def checked(settings: Mapping[str, Any]) -> TraderConfig:
    """Return our blocks of the merged settings.

    Raises ConfigError with one line per problem: the key, what was found, what is allowed.
    """
    problems = [problem for rule in RULES for problem in rule(settings)]
    try:
        config = parse_config(settings)
    except ConfigError as error:
        # Its first line is the heading this message has too.
        problems.extend(line.strip() for line in str(error).splitlines()[1:])
    else:
        problems.extend(_server_problems(config))
    if problems:
        raise ConfigError("config.json cannot be used:\n  " + "\n  ".join(problems))
    return config


def _server_problems(config: TraderConfig) -> Iterator[str]:
    """Tell of an unknown provider or price, and of an address that is missing or is none."""
    try:
        known = targets(config.llm_config, {})
        prices_of(config, datetime.now(UTC))
    except ConfigError as error:
        yield str(error)
        return
    for target in known:
        if target.model and not target.api_base:
            yield f"llm_config.api_base: empty, but {target.provider.name} has no server of its own"


def has_text(key: str) -> Rule:
    """Return the rule that a key holds a text that is not empty."""

    def rule(settings: Mapping[str, Any]) -> Iterator[str]:
        value = value_at(settings, key)
        if not isinstance(value, str) or not value:
            yield _problem(settings, key, "a text")

    return rule


def has_boolean(key: str) -> Rule:
    """Return the rule that a key holds true or false."""

    def rule(settings: Mapping[str, Any]) -> Iterator[str]:
        if not isinstance(value_at(settings, key), bool):
            yield _problem(settings, key, "true or false")

    return rule


def is_one_of(key: str, *allowed: object) -> Rule:
    """Return the rule that a key holds one of a few values."""

    def rule(settings: Mapping[str, Any]) -> Iterator[str]:
        value = value_at(settings, key)
        # With the type: to Python 1 equals true, to Freqtrade's schema it does not.
        if not any(value == item and type(value) is type(item) for item in allowed):
            yield _problem(settings, key, " or ".join(_worded(item) for item in allowed))

    return rule


def is_number(key: str, low: float, high: float, *, whole: bool = False) -> Rule:
    """Return the rule that a key holds a number from `low` to `high`, both included."""

    def rule(settings: Mapping[str, Any]) -> Iterator[str]:
        value = value_at(settings, key)
        # True and false are whole numbers to Python.
        kinds = (int,) if whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
            kind = "a whole number" if whole else "a number"
            yield _problem(settings, key, f"{kind} from {low:g} to {high:g}")

    return rule


def optional(rule: Rule, key: str) -> Rule:
    """Return the rule, applied only where the key is present."""

    def only_if_present(settings: Mapping[str, Any]) -> Iterator[str]:
        if value_at(settings, key) is not None:
            yield from rule(settings)

    return only_if_present


def lists_pairs(settings: Mapping[str, Any]) -> Iterator[str]:
    """Demand a whitelist of futures pairs of the stake currency, such as BTC/USDT:USDT."""
    key = "exchange.pair_whitelist"
    stake = value_at(settings, "stake_currency")
    pairs = value_at(settings, key)
    if not isinstance(stake, str):
        return  # told by the rule for stake_currency
    expected = f"a list of futures pairs such as ['BTC/{stake}:{stake}']"
    if not isinstance(pairs, list) or not pairs:
        yield _problem(settings, key, expected)
        return
    wrong = [pair for pair in pairs if not str(pair).endswith(f"/{stake}:{stake}")]
    if wrong:
        yield f"{key}: found {wrong}, expected {expected}"


def lists_pairlists(settings: Mapping[str, Any]) -> Iterator[str]:
    """Demand at least one pairlist, each with its method."""
    key = "pairlists"
    lists = value_at(settings, key)
    named = isinstance(lists, list) and all(value_at(item, "method") for item in lists)
    if not lists or not named:
        yield _problem(settings, key, "a list such as [{'method': 'StaticPairList'}]")


def has_api_secrets(settings: Mapping[str, Any]) -> Iterator[str]:
    """Demand the API's password and signing key, which the first start puts into .env."""
    for key in NEVER_SENT:
        if not value_at(settings, key):
            yield f"{key}: missing; it belongs in .env, which the first start creates"
    signing_key = value_at(settings, "api_server.jwt_secret_key")
    if signing_key and len(str(signing_key)) < SHORTEST_SIGNING_KEY:
        yield f"api_server.jwt_secret_key: too short, at least {SHORTEST_SIGNING_KEY} characters"


def has_exchange_keys_when_live(settings: Mapping[str, Any]) -> Iterator[str]:
    """Demand an exchange account for real orders."""
    if value_at(settings, "dry_run") is not False:
        return
    for key in ("exchange.key", "exchange.secret"):
        if not value_at(settings, key):
            variable = "FREQTRADE__" + key.upper().replace(".", "__")
            yield f"{key}: missing; dry_run is false, so {variable} is needed in .env"


def has_whole_telegram(settings: Mapping[str, Any]) -> Iterator[str]:
    """Demand token and chat of a telegram block, even when it is disabled."""
    if value_at(settings, "telegram") is None:
        return
    for key in ("telegram.token", "telegram.chat_id"):
        if not value_at(settings, key):
            yield f"{key}: missing, Freqtrade needs it even when disabled; or drop the block"


def has_no_twin_of_ours(settings: Mapping[str, Any]) -> Iterator[str]:
    """Refuse a block that looks like a misspelt one of ours beside the right one.

    Nobody would read it. Where the right one is missing, that is told with the same hint.
    """
    ours = tuple(name for name in TraderConfig.model_fields if name in settings)
    for key in sorted(set(settings) - set(TraderConfig.model_fields)):
        # Spelled with capitals or hyphens it is as close.
        plain = key.lower().replace("-", "_")
        if close := difflib.get_close_matches(plain, ours, n=1, cutoff=CLOSE_TO_OURS):
            yield f"{key}: unknown block, and {close[0]!r} is there too: which one is meant?"


RULES: tuple[Rule, ...] = (
    has_old_keys,
    has_no_twin_of_ours,
    has_boolean("dry_run"),
    optional(is_number("dry_run_wallet", 0.01, 1e12), "dry_run_wallet"),
    is_one_of("trading_mode", "futures"),
    is_one_of("margin_mode", "isolated"),
    has_text("stake_currency"),
    is_one_of("stake_amount", "unlimited"),
    optional(is_number("tradable_balance_ratio", 0.01, 1), "tradable_balance_ratio"),
    optional(is_number("available_capital", 1e-8, 1e12), "available_capital"),
    is_number("max_open_trades", 1, 100, whole=True),
    optional(is_one_of("timeframe", *TIMEFRAMES), "timeframe"),
    is_one_of("entry_pricing.price_side", "other"),
    is_one_of("entry_pricing.use_order_book", True),
    is_one_of("exit_pricing.price_side", "other"),
    is_one_of("exit_pricing.use_order_book", True),
    has_text("exchange.name"),
    lists_pairs,
    lists_pairlists,
    is_one_of("api_server.enabled", True),
    has_text("api_server.listen_ip_address"),
    is_number("api_server.listen_port", 1024, 65535, whole=True),
    has_text("api_server.username"),
    has_api_secrets,
    has_exchange_keys_when_live,
    has_one_account,
    has_whole_telegram,
)


def _problem(settings: Mapping[str, Any], key: str, expected: str) -> str:
    """Word one problem: the key, what was found or is missing, what is allowed."""
    parent, _, name = key.rpartition(".")
    around = value_at(settings, parent) if parent else settings
    if parent and around is None:
        return f"{key}: missing, expected {expected}{_hint(settings, parent.split('.')[0])}"
    if not isinstance(around, Mapping):
        return f"{parent}: found {around!r}, expected an object with {name}"
    if name in around:
        return f"{key}: found {around[name]!r}, expected {expected}"
    return f"{key}: missing, expected {expected}{_hint(around, name)}"


def _hint(around: Mapping[str, Any], name: str) -> str:
    close = difflib.get_close_matches(name, map(str, around), n=1, cutoff=CLOSE)
    return f"; found {close[0]!r}, did you mean {name!r}?" if close else ""


def _worded(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)
