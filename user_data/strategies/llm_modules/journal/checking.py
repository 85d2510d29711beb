"""check_chain tells whether every line of a journal is still what was written, in its place."""

import glob
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from llm_modules.journal.chain import Claim, Link, SealContent, claim_of, digest_of, read_seal
from llm_modules.journal.parts import FoundLine, found_lines

FaultKind = Literal["edited", "missing", "moved", "foreign", "cut"]
OTHER = "the line after it remembers another one"


@dataclass(frozen=True, slots=True)
class ChainFault:
    """What is wrong, in which file and at which line of it, from 1 (0: behind the last line).

    edited: the line is not the one that was written; missing: lines before it are gone; moved: it
    stands where it does not belong, or twice; foreign: it is none of ours; cut: the end is gone.
    """

    file: str
    line: int
    kind: FaultKind
    text: str


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What a journal is made of, and every fault in the order of the lines.

    The first `unchained` lines are older than the chain and unguarded; `let_go` is the number of
    the last line that retention removed; without a seal a cut end or an edited last line cannot
    be found. `torn` are the files that hold what crashes left unfinished.
    """

    lines: int
    unchained: int
    last_seq: int
    let_go: int
    is_sealed: bool
    faults: tuple[ChainFault, ...]
    torn: tuple[str, ...]

    @property
    def is_sound(self) -> bool:
        """Whether every line that should be there is, unchanged and in order."""
        return not self.faults


def check_chain(path: Path, on_line: Callable[[FoundLine], object] | None = None) -> ChainReport:
    """Follow the chain through all parts of a journal; raises OSError if one is unreadable.

    Every line is handed to `on_line`, so that what it says can be checked without a second reading.
    """
    # First, for it is never ahead of the lines, also while the bot writes.
    seal = read_seal(path)
    walk = _Walk(seal or SealContent(Link(), 0))
    for line in found_lines(path):
        walk.take(line)
        if on_line is not None:
            on_line(line)
    walk.end(path.name)
    return ChainReport(
        lines=walk.lines,
        unchained=walk.unchained,
        last_seq=walk.highest,
        let_go=walk.seal.let_go,
        is_sealed=seal is not None,
        faults=tuple(walk.faults),
        torn=tuple(
            sorted(one.name for one in path.parent.glob(f"{glob.escape(path.name)}.torn-*"))
        ),
    )


@dataclass(slots=True)
class _Walk:
    """The way along the lines: what was counted, and the line the next one must follow."""

    seal: SealContent
    lines: int = 0
    unchained: int = 0
    highest: int = 0
    last: Link | None = None
    last_at: FoundLine | None = None
    faults: list[ChainFault] = field(default_factory=list)

    def take(self, found: FoundLine) -> None:
        """Judge one line against the one before it and step on to it."""
        self.lines += 1
        claim = claim_of(found.text)
        if claim is None:
            self._take_without_link(found)
            return
        self.faults.extend(self._faults_of(claim, found))
        # Also onto a line that is out of place: the next one may belong to it.
        self.last, self.last_at = Link(claim.seq, digest_of(found.text)), found
        self.highest = max(self.highest, claim.seq)
        if claim.seq == self.seal.link.seq and self.last != self.seal.link:
            self.faults.append(_fault(found, "edited", "it is not the line that was sealed"))

    def end(self, live_name: str) -> None:
        """Compare where the chain ends with what the seal says."""
        gone = self.seal.link.seq - max(self.highest, self.seal.let_go)
        if gone > 0:
            text = f"{gone} lines are gone from the end: removed, or lost with the power"
            self.faults.append(ChainFault(live_name, 0, "cut", text))

    def _take_without_link(self, found: FoundLine) -> None:
        if self.last is None:
            self.unchained += 1
            self.last_at = found
        else:
            self.faults.append(_fault(found, "foreign", "it has no place in the chain"))

    def _faults_of(self, claim: Claim, found: FoundLine) -> Iterator[ChainFault]:
        """Yield what keeps a line from following the one before it, so that a fault stays local."""
        if self.last is None or self.last_at is None:
            yield from self._faults_of_first(claim, found)
            return
        gap = claim.seq - self.last.seq - 1
        if gap > 0:
            yield _fault(found, "missing", f"{gap} lines before it are gone")
        elif gap < 0:
            yield _fault(found, "moved", f"number {claim.seq} comes after number {self.last.seq}")
        elif claim.prev != self.last.digest:
            yield _fault(self.last_at, "edited", OTHER)

    def _faults_of_first(self, claim: Claim, found: FoundLine) -> Iterator[ChainFault]:
        """Judge where a chain begins: behind lines of before it, nothing, or what was let go."""
        gap = claim.seq - self.seal.let_go - 1
        digest = digest_of(self.last_at.text) if self.last_at else ""
        if gap > 0:
            yield _fault(found, "missing", f"{gap} lines before it are gone")
        elif claim.seq == 1 and claim.prev != digest:
            yield _fault(self.last_at or found, "edited", OTHER)
        elif claim.seq > 1 and self.last_at is not None:
            # Retention takes the oldest lines first: none older than the chain is left then.
            yield _fault(self.last_at, "foreign", "it has no place in the chain")


def _fault(found: FoundLine, kind: FaultKind, text: str) -> ChainFault:
    return ChainFault(found.file, found.number, kind, text)
