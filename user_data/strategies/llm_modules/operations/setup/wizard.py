"""`manage.sh setup`: from a clone to settings that work, by questions or by flags."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from llm_modules.config import API_KEY_VARIABLE
from llm_modules.errors import ConfigError
from llm_modules.llm.providers.address import server_of
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.places import STAMP, shown
from llm_modules.operations.running.bot_record import is_running
from llm_modules.operations.session import Session
from llm_modules.operations.settings.env_file import env_text, variables_in
from llm_modules.operations.settings.reading import (
    environment_settings,
    exact_text,
    merged,
    parse_text,
    value_at,
)
from llm_modules.operations.settings.rules import checked
from llm_modules.operations.settings.secret_keys import refuse_literal_secrets
from llm_modules.operations.setup.answers import TOPICS, Answers, Asking
from llm_modules.operations.setup.current import Current
from llm_modules.operations.setup.drafting import Draft, current_of, drafted
from llm_modules.operations.setup.questions import Questions
from llm_modules.operations.setup.writing import Change, refuse_loss, write_all
from llm_modules.whole_files import OWNER_ONLY

# Characters from which the longest name leaves room for two values.
WIDE = 72


@dataclass(frozen=True, slots=True)
class SetupOptions:
    """What the command line says: flags by name, secrets by variable, topics to go through.

    `asks`: whether there is somebody to ask for what no flag says. `confirmed`: nobody is asked
    before writing.
    """

    flags: Mapping[str, Any]
    secrets: Mapping[str, str] = field(repr=False)
    topics: Sequence[str]
    asks: bool
    confirmed: bool


@dataclass(frozen=True, slots=True)
class _Files:
    """Both files as they were read; `env` is None where there was none."""

    settings: str
    env: str | None


def setup(session: Session, options: SetupOptions, now: datetime) -> ExitStatus:
    """Ask, show what changes, and write both files together.

    Raises ConfigError for an answer, or a whole, that cannot be used, and UserError when a file
    cannot be written; nothing is written then.
    """
    try:
        return _setup(session, options, now)
    except (KeyboardInterrupt, EOFError):
        session.screen.say("\nNothing was written.")
        return ExitStatus.FAILED


def _setup(session: Session, options: SetupOptions, now: datetime) -> ExitStatus:
    files = _read(session)
    current = current_of(files.settings, files.env or "")
    if options.asks and not options.flags and len(options.topics) > 1:
        session.screen.say("Enter keeps what is there; Ctrl-C leaves, and nothing is written.")
    questions = Questions() if options.asks else None
    asking = Asking(current, options.flags, options.secrets, questions)
    answers = [TOPICS[topic](asking) for topic in options.topics]
    draft = drafted(files.settings, files.env or "", answers)
    _demand_usable(session, draft, answers)
    changes = _changes(session, files, draft)
    if not changes:
        session.screen.say("Everything is so already; nothing was written.")
    elif not _agreed(session, draft, confirmed=options.confirmed):
        session.screen.say("Nothing was written.")
        return ExitStatus.FAILED
    else:
        _write(session, changes, now)
    _tell_next(session, current_of(draft.settings_text, draft.env_text))
    return ExitStatus.DONE


def _read(session: Session) -> _Files:
    places = session.places
    settings = exact_text(places.settings)
    name = shown(places.settings)
    refuse_literal_secrets(parse_text(settings, name), name)
    return _Files(settings, env_text(places.env_file) if places.env_file.exists() else None)


def _demand_usable(session: Session, draft: Draft, answers: Sequence[Answers]) -> None:
    """Raise ConfigError when a start would refuse the result, or the environment overrules it."""
    variables = {**variables_in(draft.env_text, ".env"), **session.environment}
    over = environment_settings({name: text for name, text in variables.items() if text})
    settings = merged(parse_text(draft.settings_text, "config.json"), over)
    for answer in answers:
        for key in answer.settings:
            if value_at(over, key) is not None and value_at(over, key) != answer.settings[key]:
                variable = f"FREQTRADE__{key.replace('.', '__').upper()}"
                raise ConfigError(
                    f"{key}: {variable} in .env or the environment wins over config.json; take it "
                    "out first"
                )
    checked(settings)


def _changes(session: Session, files: _Files, draft: Draft) -> tuple[Change, ...]:
    places = session.places
    secret = Change(places.env_file, files.env, draft.env_text, is_secret=True)
    is_open = files.env is not None and places.env_file.stat().st_mode & 0o777 != OWNER_ONLY
    settings = Change(places.settings, files.settings, draft.settings_text)
    # Secrets first: a setting that needs one is never there before it.
    return (
        *((secret,) if secret.before != secret.after or is_open else ()),
        *((settings,) if settings.before != settings.after else ()),
    )


def _agreed(session: Session, draft: Draft, *, confirmed: bool) -> bool:
    table = Table(box=box.SIMPLE_HEAD, title="What changes", title_justify="left")
    # Names stay whole where there is room for them.
    is_wide = session.screen.console.width >= WIDE
    table.add_column("setting", overflow="fold", no_wrap=is_wide)
    table.add_column("now", overflow="fold", style="dim")
    table.add_column("then", overflow="fold", style="bold")
    for one in draft.differences:
        # Not as markup: a name may hold [brackets].
        table.add_row(Text(one.name), Text(one.before), Text(one.after))
    if draft.differences:
        session.screen.table(table)
    else:
        session.screen.say(f"{shown(session.places.env_file)} will be readable by you only.")
    # Enter is yes: a dozen answers came before, and the former files are kept.
    return confirmed or session.screen.agreed("Write this? [Y/n] ", enter=True)


def _write(session: Session, changes: tuple[Change, ...], now: datetime) -> None:
    with refuse_loss():
        kept = write_all(changes, session.places.backups, now.strftime(STAMP))
    written = " and ".join(shown(change.path) for change in changes)
    backups = f"; kept: {', '.join(shown(path) for path in kept)}" if kept else ""
    session.screen.say(f"Written: {written}{backups}")


def _tell_next(session: Session, current: Current) -> None:
    """Name the next command, and what is still missing."""
    server, screen = current.server, session.screen
    if value_at(current.settings, "dry_run") is False:
        screen.say("Note: dry_run is false, this bot trades REAL MONEY.")
    if _lacks_key(current):
        screen.say(f"Note: no key for {server.choice} yet: ./manage.sh setup --only model")
    following = "./manage.sh doctor" if server.model else "./manage.sh start"
    if is_running(session.places):
        following += ", then ./manage.sh restart for the bot that runs"
    screen.say(f"Next: {following}")


def _lacks_key(current: Current) -> bool:
    """Tell whether a provider that wants a key has none; a server of one's own may need none."""
    server = current.server
    if not server.model or server.row.key_variable == API_KEY_VARIABLE:
        return False
    has_key = current.has(API_KEY_VARIABLE) or current.has(server.row.key_variable)
    return not has_key and not server_of(server.root).is_private
