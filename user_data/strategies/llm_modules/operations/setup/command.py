"""`setup` and `migrate`, as the table of commands has them, and the grammar of `setup`."""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from llm_modules.config import API_KEY_VARIABLE
from llm_modules.errors import ConfigError, UserError
from llm_modules.operations import grammar
from llm_modules.operations.command import Command, Options
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.session import Session
from llm_modules.operations.setup import values
from llm_modules.operations.setup.answers import (
    EXCHANGE_KEYS,
    TELEGRAM_CHAT,
    TELEGRAM_TOKEN,
    TOPICS,
)
from llm_modules.operations.setup.migrating import migrate
from llm_modules.operations.setup.wizard import SetupOptions, setup

# Which question each flag answers.
FLAGS: Mapping[str, str] = {
    "provider": "model",
    "model": "model",
    "api_base": "model",
    "key_stdin": "model",
    "exchange": "exchange",
    "exchange_keys": "exchange",
    "pairs": "pairs",
    "timeframe": "timeframe",
    "wallet": "wallet",
    "risk": "risk",
    "telegram": "telegram",
    "telegram_token_file": "telegram",
    "telegram_chat_id": "telegram",
}


def add_setup(command: argparse.ArgumentParser) -> None:
    """Add a flag for each question. A key is never one: other users see what was typed."""
    grammar.add_yes(command)
    command.add_argument("--only", choices=tuple(TOPICS), action="append", help="ask only of this")
    model = command.add_argument_group("model")
    model.add_argument("--provider", type=_kind(values.provider), metavar="NAME")
    model.add_argument("--model", type=_kind(values.model), metavar="NAME")
    model.add_argument("--api-base", type=_kind(values.address), metavar="URL")
    model.add_argument(
        "--key-stdin", action="store_true", default=None, help="its key is the first line piped in"
    )
    trading = command.add_argument_group("trading")
    trading.add_argument("--exchange", type=_kind(values.exchange), metavar="NAME")
    trading.add_argument(
        "--exchange-keys",
        choices=("env", "stdin"),
        help="key and secret of the account, two variables or two lines",
    )
    trading.add_argument("--pairs", nargs="+", metavar="PAIR", help="such as BTC/USDT:USDT")
    trading.add_argument("--timeframe", type=_kind(values.timeframe), metavar="T")
    trading.add_argument("--wallet", type=_kind(values.wallet), metavar="N", help="simulated money")
    trading.add_argument("--risk", type=_kind(values.risk), metavar="careful|normal|free")
    telegram = command.add_argument_group("Telegram")
    telegram.add_argument("--telegram", action=argparse.BooleanOptionalAction, default=None)
    telegram.add_argument("--telegram-token-file", type=Path, metavar="FILE")
    telegram.add_argument("--telegram-chat-id", type=_kind(values.telegram_chat), metavar="ID")


def setup_options(
    session: Session, options: Options, *, is_terminal: bool, piped: Callable[[], str]
) -> SetupOptions:
    """Return what the command line and the environment say; `piped` reads standard input.

    Raises UserError when nobody could answer, ConfigError for a secret that is none.
    """
    flags = {name: found for name in FLAGS if (found := getattr(options, name)) is not None}
    asks = is_terminal and not options.yes
    if not is_terminal and not options.yes:
        raise UserError(
            "nobody to ask here: say all by flags, with --yes: ./manage.sh setup --help"
        )
    named = {FLAGS[name] for name in flags} | set(options.only or ())
    topics = [topic for topic in TOPICS if topic in named or (asks and not named)]
    secrets = dict(_secrets(session.environment, options, piped))
    return SetupOptions(flags, secrets, topics, asks=asks, confirmed=options.yes)


def _secrets(
    environment: Mapping[str, str], options: Options, piped: Callable[[], str]
) -> Iterator[tuple[str, str]]:
    lines = _Lines(piped)
    if options.key_stdin:
        yield API_KEY_VARIABLE, lines.take("the model's key")
    elif environment.get(API_KEY_VARIABLE):
        yield API_KEY_VARIABLE, environment[API_KEY_VARIABLE]
    for variable, what in zip(EXCHANGE_KEYS, ("key", "secret"), strict=True):
        if options.exchange_keys == "stdin":
            yield variable, lines.take(f"the {what} of the exchange account")
        elif options.exchange_keys == "env":
            yield variable, _from_environment(environment, variable)
    if options.telegram_token_file:
        yield TELEGRAM_TOKEN, _from_file(options.telegram_token_file)
    if options.telegram_chat_id:
        yield TELEGRAM_CHAT, options.telegram_chat_id


class _Lines:
    """Standard input, read when its first line is wanted."""

    def __init__(self, piped: Callable[[], str]) -> None:
        self._piped = piped
        self._lines: list[str] | None = None

    def take(self, what: str) -> str:
        if self._lines is None:
            self._lines = [line.strip() for line in self._piped().splitlines() if line.strip()]
        if not self._lines:
            raise ConfigError(f"standard input ended before {what}: one line for each")
        return self._lines.pop(0)


def _from_environment(environment: Mapping[str, str], variable: str) -> str:
    found = environment.get(variable)
    if not found:
        raise ConfigError(f"--exchange-keys env: {variable} is not set in the environment")
    return found


def _from_file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigError(f"{path} cannot be read: {cause}") from error


def _kind(value: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a kind of argument that says what the question would."""

    def kind(text: str) -> Any:
        try:
            return value(text)
        except ConfigError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return kind


def _piped() -> str:
    if sys.stdin.isatty():
        raise UserError(
            "a key is piped in, never typed where it can be read; without the flag it "
            "is asked for and not shown"
        )
    return sys.stdin.read()


def _setup(session: Session, options: Options) -> ExitStatus:
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    said = setup_options(session, options, is_terminal=is_terminal, piped=_piped)
    return setup(session, said, datetime.now(UTC))


SETUP = Command("connect a model, choose what is traded and how much is risked", _setup, add_setup)
MIGRATE = Command(
    "bring config.json of an older version up to date",
    lambda session, options: migrate(session, datetime.now(UTC), confirmed=options.yes),
    grammar.add_yes,
)
