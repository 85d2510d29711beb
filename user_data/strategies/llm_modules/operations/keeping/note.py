"""The note that a restore has begun: what was killed in the middle of one must not just start."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from llm_modules.operations.places import Places, shown

NOTE_NAME = "restoring"


@contextmanager
def noted(places: Places, before: Path) -> Iterator[None]:
    """Leave a note that names the archive which leads back; only a kill leaves it behind."""
    note = places.run / NOTE_NAME
    note.write_text(shown(before), encoding="utf-8")
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


def cut_short(places: Places) -> str | None:
    """Say how a restore that was killed can be brought to an end; None when there was none."""
    try:
        before = (places.run / NOTE_NAME).read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return (
        "a restore was cut short, so files of two times may lie side by side: run it again, or go "
        f"back with ./manage.sh restore {before}"
    )
