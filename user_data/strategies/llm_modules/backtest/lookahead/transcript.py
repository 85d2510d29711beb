"""All that one run said, in the order it was said: what two runs are compared by."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Kind = Literal["prompt", "decision", "outcome", "order", "trade"]
DIGEST_BYTES = 12


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that was known at a candle; of its text only a digest, a year has 2 GB of it."""

    at: datetime
    kind: Kind
    subject: str
    digest: bytes


class Transcript:
    """Entries in the order of the run; the text of the one numbered `keep` is kept."""

    def __init__(self, keep: int | None = None) -> None:
        self.entries: list[Entry] = []
        self.kept: str | None = None
        self._keep = keep
        self._ends: dict[datetime, int] = {}

    def add(self, at: datetime, kind: Kind, subject: str, text: str) -> None:
        """Write down what was said."""
        if len(self.entries) == self._keep:
            self.kept = text
        digest = hashlib.blake2b(text.encode(), digest_size=DIGEST_BYTES).digest()
        self.entries.append(Entry(at, kind, subject, digest))

    def decided(self, at: datetime) -> None:
        """Note that all decisions of a candle are made: what follows fills their orders."""
        self._ends[at] = len(self.entries)

    def until(self, at: datetime) -> Sequence[Entry]:
        """Return what was said up to a candle, its own decisions included."""
        return self.entries[: self._ends.get(at)]


def first_difference(one: Sequence[Entry], other: Sequence[Entry]) -> int | None:
    """Return the number of the first entry that is not the same in both, None without any."""
    for number, (entry, otherwise) in enumerate(zip(one, other, strict=False)):
        if entry != otherwise:
            return number
    return None if len(one) == len(other) else min(len(one), len(other))


def counted(entries: Sequence[Entry]) -> str:
    """Word how many prompts, decisions, orders and trades there are."""
    counts = Counter(entry.kind for entry in entries)
    kinds: tuple[Kind, ...] = ("prompt", "decision", "order", "trade")
    *first, last = (f"{counts[kind]:,} {kind}s" for kind in kinds)
    return f"{', '.join(first)} and {last}"
