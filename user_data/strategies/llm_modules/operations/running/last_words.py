"""Why a bot did not start or has ended, for people: what it said last, without tracebacks."""

from collections.abc import Sequence

from llm_modules.operations.places import Places, shown
from llm_modules.operations.room import LEAST_FREE_BYTES, free_bytes

NEXT = "./manage.sh doctor looks for the cause, ./manage.sh logs shows all it said"
# What stands before each of several exceptions; their bodies are indented.
_OF_TRACEBACKS = (
    " ",
    "\t",
    "Traceback (most recent call last)",
    "During handling of the above exception",
    "The above exception was the direct cause",
)


def last_words(lines: Sequence[str]) -> tuple[str, ...]:
    """Return what a program said last; of a traceback only how it ends."""
    said = [line for line in lines if line.strip()]
    sentences = [line for line in said if not line.startswith(_OF_TRACEBACKS)]
    if len(sentences) == len(said) or not sentences:
        return tuple(said)
    # The last line of a traceback is the error; what went before it is of no use to its reader.
    return (sentences[-1],)


def supervisor_said(places: Places) -> str:
    """Return what the detached supervisor complained about, empty if nothing."""
    try:
        return places.supervisor_log.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def why_it_ended(places: Places) -> str:
    """Return what the detached supervisor said, else what may have kept it from saying anything."""
    said, free = supervisor_said(places), free_bytes(places.user_data)
    if free is not None and free < LEAST_FREE_BYTES:
        room = f"The disk of {shown(places.user_data)} has no room: {free:,} bytes are free."
        return "\n".join(filter(None, (said, room)))
    return said or f"It said nothing into {shown(places.supervisor_log)}. {NEXT}."
