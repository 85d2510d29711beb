"""A record as JSON; the texts of a decision are shortened where it would not fit into 3 KB."""

from pydantic_core import PydanticSerializationError

from llm_modules.errors import JournalError
from llm_modules.journal.records import DecisionRecord, Line, Reason

# With 52 bytes left for the link and the newline: 3,000.
LONGEST_DECISION_BYTES = 2948
# Longest text, in characters, tried one after the other until the record fits.
CAPS = (1500, 1000, 700, 500, 350, 250, 180, 120, 80, 40)


def encoded(record: Line) -> bytes:
    """Return a record as a JSON object; raises JournalError when it cannot be one."""
    body = _json(record)
    if isinstance(record, DecisionRecord):
        # The same cap for all texts: the longest give way first, short ones stay whole.
        for cap in CAPS:
            if len(body) <= LONGEST_DECISION_BYTES:
                break
            body = _json(_shortened(record, cap))
    return body


def _json(record: Line) -> bytes:
    try:
        return record.model_dump_json(by_alias=True).encode()
    except (PydanticSerializationError, UnicodeError) as error:
        raise JournalError("a record cannot be written as JSON") from error


def _shortened(record: DecisionRecord, cap: int) -> DecisionRecord:
    """Cut every text to `cap` characters; numbers, codes and ids stay whole."""
    call = {
        name: _cut(value, cap) if isinstance(value, str) else value
        for name, value in record.call.items()
    }
    changes = {
        "call": call,
        "reasons": tuple(_cut_reason(reason, cap) for reason in record.reasons),
        "problems": tuple(_cut(problem, cap) for problem in record.problems),
        "fault": record.fault and _cut(record.fault, cap),
    }
    return record.model_copy(update=changes)


def _cut_reason(reason: Reason, cap: int) -> Reason:
    return reason.model_copy(update={"text": _cut(reason.text, cap)})


def _cut(text: str, cap: int) -> str:
    """Say how much is missing: a reader must not take the rest for the whole."""
    return text if len(text) <= cap else f"{text[:cap]}… (+{len(text) - cap})"
