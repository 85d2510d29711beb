"""`manage.sh migrate`: settings of an older version brought up to date, comments kept."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.text import Text

from llm_modules.errors import ConfigError
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.places import SHIPPED_USER_DATA, STAMP, shown
from llm_modules.operations.session import Session
from llm_modules.operations.settings.editing import renamed, with_value, without
from llm_modules.operations.settings.reading import (
    environment_settings,
    exact_text,
    merged,
    parse_text,
    read_text,
    value_at,
)
from llm_modules.operations.settings.rules import checked
from llm_modules.operations.settings.secret_keys import refuse_literal_secrets
from llm_modules.operations.setup.migrations import MIGRATIONS, Migration, due
from llm_modules.operations.setup.missing import missing_keys, with_shipped
from llm_modules.operations.setup.writing import Change, refuse_loss, write_all

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


@dataclass(frozen=True, slots=True)
class Migrated:
    """A text brought up to date, and a line about each step."""

    text: str
    steps: tuple[str, ...]


def migrate(session: Session, now: datetime, *, confirmed: bool) -> ExitStatus:
    """Show what would change, ask unless `confirmed`, back up and write.

    Raises ConfigError when the settings cannot be read, hold a secret, or hold an old key beside
    its new one that says something else; UserError when they cannot be written.
    """
    places, screen = session.places, session.screen
    text, name = exact_text(places.settings), shown(places.settings)
    # What is shown of the file may hold none.
    refuse_literal_secrets(parse_text(text, name), name)
    done = migrated(text, read_text(SHIPPED_USER_DATA / "config.json"), name)
    if not done.steps:
        screen.say(f"{name} is up to date.")
        return ExitStatus.DONE
    for line in unified(text, done.text, name):
        screen.say(line)
    for step in done.steps:
        screen.say(step)
    if not confirmed and not screen.agreed():
        screen.say("Nothing was written.")
        return ExitStatus.FAILED
    with refuse_loss():
        kept = write_all(
            (Change(places.settings, text, done.text),), places.backups, now.strftime(STAMP)
        )
    screen.say(f"{name} is written; the former one is {shown(kept[0])}.")
    _tell_what_is_left(session, done.text)
    return ExitStatus.DONE


def migrated(
    text: str, shipped: str, name: str, migrations: Iterable[Migration] = MIGRATIONS
) -> Migrated:
    """Return the text with old keys renamed or taken out, and new keys put in.

    Raises ConfigError for what is no settings text, and where old and new key differ.
    """
    steps: list[str] = []
    settings = parse_text(text, name)
    for migration in migrations:
        # One by one: a block that was renamed may hold a key that was.
        for found in due(settings, (migration,)):
            text = _renamed(text, settings, found)
            settings = parse_text(text, name)
            steps.append(_sentence(found))
    for path in missing_keys(settings, parse_text(shipped, "the shipped settings")):
        text = with_shipped(text, shipped, path)
        steps.append(f"{'.'.join(path)}: new, as it is shipped")
    parse_text(text, name)
    return Migrated(text, tuple(steps))


def unified(before: str, after: str, name: str) -> Iterable[Text]:
    """Return the lines that differ and those around them, coloured."""
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), name, f"{name} (new)", lineterm=""
    )
    return (Text(line, style=_STYLES.get(line[:1], "")) for line in lines)


def _renamed(text: str, settings: Mapping[str, Any], migration: Migration) -> str:
    old = tuple(migration.old.split("."))
    if migration.new is None:
        return without(text, old)
    new = tuple(migration.new.split("."))
    value, there = value_at(settings, migration.old), value_at(settings, migration.new)
    if there is not None and there != value:
        raise ConfigError(
            f"{migration.old} and {migration.new} are both there and differ: {migration.old} is "
            "the former name of the same; take the wrong one out"
        )
    if there is not None:
        return without(text, old)
    if old[:-1] == new[:-1]:
        return renamed(text, old, new[-1])
    return with_value(without(text, old), new, value)


def _sentence(migration: Migration) -> str:
    if migration.new is None:
        return f"{migration.old}: taken out, nobody reads it since {migration.since}"
    return f"{migration.old}: called {migration.new} since {migration.since}"


def _tell_what_is_left(session: Session, text: str) -> None:
    """Say what no migration mends: it was wrong before."""
    try:
        own = parse_text(text, shown(session.places.settings))
        checked(merged(own, environment_settings(session.with_secrets())))
    except ConfigError as error:
        session.screen.say(f"What is left for you to put right:\n{error}")
