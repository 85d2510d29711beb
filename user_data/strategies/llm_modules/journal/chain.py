"""The hash chain: each line names its number and the hash of the line before it.

    {"schema":1, ... ,"seq":7,"prev":"0f3a5c7e9b1d2f40"}

An edited, removed, swapped or inserted line no longer fits its neighbours. The seal beside the
journal (`<name>.seal`) names the last line and so guards the end. It finds accidents and careless
hands; whoever recomputes all that follows, and the seal, is not found.
"""

import hashlib
import logging
import os
import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from llm_modules.journal.parts import newest_lines

# 64 bits: chance does not hit them, and malice recomputes hashes of any length.
HASH_CHARACTERS = 16
LINK = re.compile(rb',"seq":(\d{1,18}),"prev":"([0-9a-f]{16}|)"\}\n\Z')
SEAL = re.compile(rb"(\d{18}) ([0-9a-f]{16}|-{16})\n(\d{18})\n")
SEAL_HEAD_BYTES = 36
# How far a garbled end is searched for the last line that has a link.
SEARCHED_LINES = 1000

logger = logging.getLogger(__name__)


class Link(NamedTuple):
    """What the next line needs to know of the last one: its number, from 1, and its hash."""

    seq: int = 0
    digest: str = ""


class Claim(NamedTuple):
    """What a line says: its own number and the hash of the line before it."""

    seq: int
    prev: str


class SealContent(NamedTuple):
    """The last line that was written, and the number up to which retention let lines go."""

    link: Link
    let_go: int


def chained(body: bytes, last: Link) -> tuple[bytes, Link]:
    """Turn a JSON object into the line that follows `last`; return it and its own link."""
    line = b'%b,"seq":%d,"prev":"%b"}\n' % (body[:-1], last.seq + 1, last.digest.encode())
    return line, Link(last.seq + 1, digest_of(line))


def digest_of(line: bytes) -> str:
    """Return the shortened SHA-256 of a line with its newline."""
    return hashlib.sha256(line).hexdigest()[:HASH_CHARACTERS]


def claim_of(line: bytes) -> Claim | None:
    """Return what a line says of its place; None when it is older than the chain, or no record."""
    # Not by parsing: a link must be readable also in a line that is no JSON any more.
    match = LINK.search(line)
    return Claim(int(match[1]), match[2].decode()) if match else None


def last_link(path: Path) -> Link:
    """Find the end of the chain: from the newest lines or from the seal, whichever is ahead.

    The seal is ahead when lines were removed, or lost with the power; the gap stays visible then.
    """
    sealed, found = read_seal(path), _last_in_file(path)
    # Also when both name the same line: a last line that was edited must not become the truth.
    return sealed.link if sealed and sealed.link.seq >= max(found.seq, 1) else found


def newest_link(lines: Sequence[bytes]) -> Link:
    """Return the link of the last line that has one.

    Where none has, a chain may begin: behind the last line of before it, or behind nothing.
    """
    for line in reversed(lines):
        claim = claim_of(line)
        if claim is not None:
            return Link(claim.seq, digest_of(line))
    return Link(0, digest_of(lines[-1])) if lines else Link()


def seal_path(path: Path) -> Path:
    """Return where the seal of a journal lies."""
    return path.with_name(f"{path.name}.seal")


def read_seal(path: Path) -> SealContent | None:
    """Read the seal of the journal at `path`; None when there is none or it is garbled."""
    try:
        match = SEAL.fullmatch(seal_path(path).read_bytes())
    except OSError:
        return None
    if match is None:
        return None
    return SealContent(Link(int(match[1]), match[2].decode().strip("-")), int(match[3]))


class Seal:
    """The seal of a journal that is being written; its own troubles never stop the journal."""

    def __init__(self, path: Path, link: Link) -> None:
        known = read_seal(path)
        self._path = seal_path(path)
        self._link = link
        self._let_go = known.let_go if known else 0
        self._file: int | None = None
        # Appending and retention are different threads.
        self._mutex = threading.Lock()
        self.reopen()

    def reopen(self) -> None:
        """Open the seal, or make it anew where it was deleted, with what it should say."""
        self.close()
        with self._mutex:
            try:
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            except OSError as error:
                logger.warning("%s: no seal, a cut end will not be found: %s", self._path, error)
        self.put(self._link)
        self.let_go(self._let_go)

    def put(self, link: Link) -> None:
        """Name the line that is the last one now; it may lag behind, never run ahead."""
        self._link = link
        digest = link.digest.encode().ljust(HASH_CHARACTERS, b"-")
        self._write(b"%018d %b\n" % (link.seq, digest), 0)

    def let_go(self, seq: int) -> None:
        """Name the last line that retention is about to remove."""
        self._let_go = max(self._let_go, seq)
        self._write(b"%018d\n" % self._let_go, SEAL_HEAD_BYTES)

    def close(self) -> None:
        """Release the file."""
        with self._mutex:
            if self._file is not None:
                os.close(self._file)
            self._file = None

    def _write(self, text: bytes, offset: int) -> None:
        with self._mutex:
            if self._file is None:
                return
            # The line itself is written: raising would have it written twice.
            try:
                os.pwrite(self._file, text, offset)
            except OSError as error:
                logger.warning("%s was not written: %s", self._path, error)


def _last_in_file(path: Path) -> Link:
    # Nearly always the first look is enough.
    found = newest_link(newest_lines(path, 1))
    return found if found.seq else newest_link(newest_lines(path, SEARCHED_LINES))
