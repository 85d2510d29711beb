"""`manage.sh restore`: an archive put in place of what is there, which is kept before."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from llm_modules.errors import UserError
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.keeping.archive import list_file, read_manifest, unpack
from llm_modules.operations.keeping.contents import SETTINGS, Folders, Kept
from llm_modules.operations.keeping.making import Archive, free_name, make_archive
from llm_modules.operations.keeping.manifest import Manifest
from llm_modules.operations.keeping.note import NOTE_NAME, noted
from llm_modules.operations.keeping.progress import Meter, sized
from llm_modules.operations.keeping.replacing import Replacement, hand_over
from llm_modules.operations.places import shown
from llm_modules.operations.records.journals import journals_of
from llm_modules.operations.records.verifying import verify
from llm_modules.operations.running.bot_record import AlreadyRunningError, bot_lock, orphans
from llm_modules.operations.running.halting import halting_states, halts
from llm_modules.operations.running.modes import MODES_IN_WORDS, mode_of
from llm_modules.operations.session import Session
from llm_modules.operations.settings.reading import environment_settings, merged, read_settings
from llm_modules.operations.viewing.render import printable
from llm_modules.whole_files import OWNER_ONLY

# Enough to see what is meant; the parts of a journal may be hundreds.
MOST_NAMES = 40


@dataclass(frozen=True, slots=True)
class RestoreOptions:
    """Which archive, now, and whether every question is answered with yes beforehand."""

    archive: Path
    now: datetime
    confirmed: bool = False


def restore(session: Session, options: RestoreOptions) -> ExitStatus:
    """Check an archive, keep what is there, put the archive's files in place, and verify.

    Raises AlreadyRunningError while the bot runs, UserError for an archive that is damaged,
    newer or none of ours; nothing is changed then.
    """
    places, screen = session.places, session.screen
    if left := orphans(places):
        names = ", ".join(f"{one.name} {one.pid}" for one in left)
        raise AlreadyRunningError(f"a killed supervisor left running: {names}")
    # Locked until all is in place, so that no bot starts on half of it.
    with bot_lock(places):
        try:
            manifest = _restore(session, options)
        except KeyboardInterrupt:
            screen.complain("Interrupted: nothing was changed.")
            return ExitStatus.FAILED
        except OSError as error:
            screen.complain(f"Nothing was changed: {error}")
            return ExitStatus.FAILED
    return _verified(session, manifest) if manifest else ExitStatus.FAILED


def _restore(session: Session, options: RestoreOptions) -> Manifest | None:
    """Put the archive's files in place and return its list; None when that is not wished."""
    screen, path = session.screen, options.archive.absolute()
    listed = read_manifest(path)
    folders = Folders(session.places, session.journals())
    found = Replacement({file.name: folders.place_of(file.name) for file in listed.files})
    with _tidied(found):
        manifest = unpack(path, found.waiting, Meter(screen, "Checking", listed.size_bytes))
        _refuse_other_journals(session, found)
        chosen = Replacement(_without_lifting_halts(session, found.places))
        _show(session, path, manifest, chosen)
        if not options.confirmed and not screen.agreed():
            screen.say("Nothing was changed.")
            return None
        before = _keep(session, chosen, options.now)
        with noted(session.places, before):
            chosen.carry_out()
        hand_over(chosen.places.values(), session.places.user_data)
    screen.say(f"Restored {len(chosen.places)} files. What was there is kept in {shown(before)}.")
    return manifest


def _verified(session: Session, manifest: Manifest) -> ExitStatus:
    """Verify what has been restored, as of when it was packed, and say what still halts."""
    # Only what was being written when the archive was made may be half there.
    status = verify(session, manifest.at)
    for name, words in halts(session.places):
        session.screen.say(f"{name} {words}. ./manage.sh resume shows why and lifts it.")
    if not session.places.env_file.exists():
        session.screen.say(f"Secrets are in no archive: put yours into {session.places.env_file}")
    return status


@contextmanager
def _tidied(replacement: Replacement) -> Iterator[None]:
    # Before as well: one that was killed has left its own.
    replacement.tidy()
    try:
        yield
    finally:
        replacement.tidy()


def _refuse_other_journals(session: Session, found: Replacement) -> None:
    """Refuse journals of elsewhere whose own settings put them where we would not."""
    is_elsewhere = any(name.startswith("journals/") for name in found.places)
    if not is_elsewhere or SETTINGS[0] not in found.places:
        return
    packed = read_settings(found.waiting(SETTINGS[0]))
    settings = merged(packed, environment_settings(session.with_secrets()))
    if journals_of(session.places, settings) != session.journals():
        raise UserError(
            "the archive's settings keep the journals in another place than yours: set "
            "experience_config.decision_log_path and trade_log_path as there, then restore; "
            "nothing is changed"
        )


def _without_lifting_halts(session: Session, places: Mapping[str, Path]) -> dict[str, Path]:
    """Leave out states that halt by themselves now: `resume` alone lifts a halt."""
    halting = {state.path for state in halting_states(session.places)}
    for path in sorted(halting & set(places.values())):
        session.screen.say(f"Stays, because it halts trading: {shown(path)}")
    return {name: path for name, path in places.items() if path not in halting}


def _show(session: Session, path: Path, manifest: Manifest, chosen: Replacement) -> None:
    screen, there = session.screen, set(chosen.leaving)
    lines = [
        f"  {'replaced' if place in there else 'new':<9} {printable(name)}"
        for name, place in sorted(chosen.places.items())
    ]
    lines += [
        f"  {'removed':<9} {shown(one)}" for one in sorted(there - set(chosen.places.values()))
    ]
    made = f"{manifest.at:%Y-%m-%d %H:%M:%S} UTC by version {printable(manifest.version)}"
    screen.say(f"{shown(path)}: made {made}, {sized(manifest.size_bytes)}, every checksum fits.")
    for line in lines[:MOST_NAMES]:
        screen.say(line)
    if len(lines) > MOST_NAMES:
        screen.say(f"  and {len(lines) - MOST_NAMES} more")
    _warn_of_live(session, chosen)


def _warn_of_live(session: Session, chosen: Replacement) -> None:
    if SETTINGS[0] not in chosen.places:
        return
    packed = read_settings(chosen.waiting(SETTINGS[0]))
    mode = mode_of(merged(packed, environment_settings(session.with_secrets())))
    there = session.settings()
    if not there or mode != mode_of(there):
        session.screen.say(f"The next start will be another one: {MODES_IN_WORDS[mode]}")


def _keep(session: Session, chosen: Replacement, now: datetime) -> Path:
    """Back up what is there, and settings whose secrets no archive takes as they are."""
    leaving = [one for one in chosen.leaving if one.name != NOTE_NAME]
    before = make_archive(session, free_name(session.places.backups, now), "restore", leaving)
    for path in leaving:
        if path.parent == session.places.user_data and path.name in SETTINGS:
            _keep_settings(session, path, before)
    return before.path


def _keep_settings(session: Session, path: Path, before: Archive) -> None:
    if list_file(Kept(path.name, path)) in before.manifest.files:
        return
    stamp = before.path.name.removesuffix(".tar.gz")
    copy = session.places.backups / f"{stamp}.{path.name}"
    copy.touch(OWNER_ONLY, exist_ok=False)
    shutil.copyfile(path, copy)
    session.screen.say(f"Your {path.name} is kept in {shown(copy)}: delete it once the bot runs.")
