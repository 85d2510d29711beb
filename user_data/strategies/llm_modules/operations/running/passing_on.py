"""Any Freqtrade command, in the bot's own environment and configuration.

What the caller says wins: a configuration, folder, strategy or database that is named replaces
ours. This process becomes Freqtrade, so its status and its signals are the caller's.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from llm_modules.domain import RunMode
from llm_modules.errors import UserError
from llm_modules.operations.command import Command, Options
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.places import Places, shown
from llm_modules.operations.running.bot_record import is_running, overlay_in_use
from llm_modules.operations.running.modes import DATABASES, inside, mode_of, with_mode
from llm_modules.operations.running.plan import for_our_code
from llm_modules.operations.session import Session
from llm_modules.operations.settings.env_file import FREQTRADE_PREFIX, GENERATED, fresh_secret
from llm_modules.operations.settings.reading import environment_settings, merged, read_settings
from llm_modules.operations.settings.secret_keys import FREQTRADE_SECRETS, refuse_literal_secrets

SANDBOX = "--sandbox"
STRATEGY = "LLMFunctionStrategy"
HELP = frozenset({"-h", "--help", "-V", "--version"})
# A test holds these against Freqtrade's own grammar.
WITHOUT_CONFIG = frozenset(
    # new-config would write over it, the others take none.
    {"create-userdir", "new-config", "new-strategy", "convert-db", "install-ui"}
)
WITHOUT_FOLDER = frozenset({"new-config", "convert-db", "install-ui"})
WITH_STRATEGY = frozenset(
    {
        *("backtesting", "edge", "hyperopt", "plot-dataframe", "plot-profit"),
        *("lookahead-analysis", "recursive-analysis"),
    }
)
WITH_STRATEGY_PATH = WITH_STRATEGY | {"list-strategies"}
WITH_DATABASE = frozenset({"show-trades", "plot-dataframe", "plot-profit"})
# Freqtrade hides some of its secrets there and shows others.
TELLS_SECRETS = "show-config"
HIDDEN = "REDACTED-by-manage.sh-REDACTED-by-manage.sh"
SECRET_VARIABLES = frozenset(
    {FREQTRADE_PREFIX + key.upper().replace(".", "__") for key in FREQTRADE_SECRETS} | {*GENERATED}
)


@dataclass(frozen=True, slots=True)
class Handover:
    """The program this process becomes."""

    command: tuple[str, ...]
    environment: Mapping[str, str]


def pass_on(session: Session, arguments: Sequence[str]) -> ExitStatus:
    """Become Freqtrade. Raises UserError where that may not be, or the settings are wrong."""
    chosen = handover(session, arguments)
    # What waits in our buffers would be lost with this program.
    sys.stdout.flush()
    os.execve(chosen.command[0], chosen.command, chosen.environment)  # noqa: S606 - no shell


def handover(session: Session, arguments: Sequence[str]) -> Handover:
    """Return Freqtrade's command line and environment for what was typed."""
    wished = list(arguments)
    sandbox = wished[:1] == [SANDBOX]
    words = wished[1:] if sandbox else wished
    if words[:1] == ["trade"] and not HELP.intersection(words):
        raise UserError(
            "the bot is run by ./manage.sh start, which checks it, watches it and stops it cleanly"
        )
    if not words or HELP.intersection(words):
        # Whatever is wrong with the settings, help can be had.
        return _with(session.places, session.environment, words or ["--help"])
    places, environment = session.places, session.with_secrets()
    own = read_settings(places.settings)
    refuse_literal_secrets(own, shown(places.settings))
    settings = merged(own, environment_settings(environment))
    mode = mode_of(settings, sandbox=sandbox)
    if mode == "sandbox":
        environment = inside(environment)
        _warn(session)
    if not _says(words, "-c", "--config"):
        environment = with_mode(environment, mode)
    # Freqtrade's own check of a configuration wants all of them.
    environment |= {name: environment.get(name) or fresh_secret() for name in GENERATED}
    if words[0] == TELLS_SECRETS and "--show-sensitive" not in words:
        hidden = {name: HIDDEN for name in environment if name in SECRET_VARIABLES}
        environment |= hidden
    added = tuple(_added(places, mode, words))
    return _with(places, environment, [words[0], *added, *words[1:]])


def _added(places: Places, mode: RunMode, words: Sequence[str]) -> list[str]:
    """Return what the command takes and the caller did not say."""
    command, said = words[0], words[1:]
    added: list[str] = []
    if command not in WITHOUT_CONFIG and not _says(said, "-c", "--config"):
        added += ["-c", str(places.settings)]
        if mode == "sandbox":
            added += ["-c", str(_overlay(places))]
    if command not in WITHOUT_FOLDER and not _says(said, "--userdir", "--user-data-dir"):
        added += ["--userdir", str(places.user_data)]
    is_ours = not _says(said, "-s", "--strategy", "--strategy-list")
    if command in WITH_STRATEGY and is_ours:
        added += ["--strategy", STRATEGY]
    # Freqtrade looks into the folder's own strategies anyway, and would find ours there twice.
    is_looked_into = places.is_shipped and str(places.user_data) in added
    has_path = is_looked_into or _says(said, "--strategy-path")
    if command in WITH_STRATEGY_PATH and is_ours and not has_path:
        added += ["--strategy-path", str(places.strategies)]
    if command in WITH_DATABASE and not _says(said, "--db-url"):
        added += ["--db-url", f"sqlite:///{places.user_data / DATABASES[mode]}"]
    return added


def _says(said: Sequence[str], *names: str) -> bool:
    """Tell whether an option was given, apart from its value or joined to it."""
    return any(
        word == name
        or word.startswith(f"{name}=")
        or (not name.startswith("--") and word.startswith(name))
        for word in said
        for name in names
    )


def _overlay(places: Places) -> Path:
    """Return the sandbox's settings: those of the running one know its ports."""
    return overlay_in_use(places) or places.sandbox_overlay


def _warn(session: Session) -> None:
    if not is_running(session.places):
        session.screen.complain(
            "SANDBOX, which does not run: what asks the exchange fails until ./manage.sh start"
        )


def _with(places: Places, environment: Mapping[str, str], words: Sequence[str]) -> Handover:
    variables = {name: text for name, text in environment.items() if text}
    command = (sys.executable, "-m", "freqtrade", *words)
    return Handover(command, for_our_code(places, variables))


def _options(command: argparse.ArgumentParser) -> None:
    command.add_argument("words", nargs="*", metavar="WORD", help="the command and its options")


def _act(session: Session, options: Options) -> ExitStatus:
    return pass_on(session, options.words)


PASSING_ON = Command("any command of Freqtrade, with the bot's settings", _act, _options)
