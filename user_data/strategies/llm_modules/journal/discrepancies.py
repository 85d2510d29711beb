"""What does not fit between the journals, the tape and Freqtrade's database, as values."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

# Whatever happens every day to a healthy bot is a remark; all others are faults.
Remark = Literal[
    "on its way", "not kept", "earlier database", "not filled", "corrected", "not taped"
]
Fault = Literal[
    "unreadable",
    "told twice",
    "unresolved",
    "unfit",
    "not recorded",
    "unknown trade",
    "differs",
    "filled twice",
    "missing on the tape",
]
Kind = Remark | Fault

REMARKS: dict[Kind, str] = {
    "on its way": "so new that the other side may follow within moments",
    "not kept": "named by an id from before what retention has left",
    "earlier database": "from before Freqtrade's present database was begun",
    "not filled": "trades whose decision has no `filled` outcome: a restart or crash came between",
    "corrected": "profits Freqtrade corrected after the close, when the exchange told the fee",
    "not taped": "decisions that asked a model and name nothing on the tape",
}
FAULTS: dict[Kind, str] = {
    "unreadable": "written by hand or by a newer version; update, or restore the file",
    "told twice": "ids are unique: one of the two was put in by hand",
    "unresolved": "what it names was removed, or could not be written when the disk was full",
    "unfit": "an id or a record was edited, or the position was opened by hand",
    "not recorded": "start the bot: it writes closed trades that have no record yet",
    "unknown trade": "the trade was deleted from the database, or the record is made up",
    "differs": "the journal's chain tells whether the record was edited; if not, the database was",
    "filled twice": "one decision may open one position: look at both trades on the exchange",
    "missing on the tape": "the tape was removed or is another one; put it back",
}


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One thing that does not fit: its kind, where it stands, what was found and what expected."""

    kind: Kind
    where: str
    found: str
    expected: str


@dataclass(slots=True)
class Findings:
    """How many discrepancies of each kind there are, and the first few of them.

    Only those are kept: after a lost part a million lines may name what is gone.
    """

    most: int = 20
    counts: dict[Kind, int] = field(default_factory=dict)
    first: dict[Kind, list[Discrepancy]] = field(default_factory=dict)

    def add(self, found: Iterable[Discrepancy]) -> None:
        """Take in what a check found."""
        for one in found:
            self.counts[one.kind] = self.counts.get(one.kind, 0) + 1
            kept = self.first.setdefault(one.kind, [])
            if len(kept) < self.most:
                kept.append(one)

    @property
    def faults(self) -> int:
        """How many faults were found."""
        return sum(count for kind, count in self.counts.items() if kind in FAULTS)
