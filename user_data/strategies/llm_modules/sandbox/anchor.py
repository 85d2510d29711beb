"""The moment the sandbox's market was opened; a file keeps it, so that restarts go on with it."""

import json
from datetime import UTC, datetime
from pathlib import Path

from llm_modules.errors import UserError
from llm_modules.sandbox.candles import FIVE_MINUTES_MS
from llm_modules.whole_files import put_in_place


def load_or_create_anchor(path: Path, now_ms: int) -> int:
    """Return the anchor in milliseconds; at the first start it is `now_ms`, floored to 5 minutes.

    Raises UserError when the file cannot be read or lies in the future.
    """
    if not path.exists():
        return _create(path, now_ms // FIVE_MINUTES_MS * FIVE_MINUTES_MS)
    anchor_ms = _read(path)
    if anchor_ms > now_ms:
        raise UserError(f"{path} lies in the future: correct the clock, or delete the file")
    return anchor_ms


def _create(path: Path, anchor_ms: int) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"anchor": datetime.fromtimestamp(anchor_ms / 1000, UTC).isoformat()})
    put_in_place(path, text + "\n")
    return anchor_ms


def _read(path: Path) -> int:
    try:
        moment = datetime.fromisoformat(json.loads(path.read_text(encoding="utf-8"))["anchor"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} holds no anchor ({error}): delete it to begin anew") from error
    if moment.tzinfo is None:
        raise UserError(f"{path} holds a time without a time zone: delete it to begin anew")
    return int(moment.timestamp() * 1000) // FIVE_MINUTES_MS * FIVE_MINUTES_MS
