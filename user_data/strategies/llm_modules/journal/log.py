"""An append-only JSONL file with one writer: one write per record, nothing torn, nothing glued."""

import errno
import logging
import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from llm_modules.errors import JournalError, JournalLockedError
from llm_modules.journal.chain import Link, Seal, chained, last_link
from llm_modules.journal.encoding import encoded
from llm_modules.journal.opening import is_at, open_clean, set_torn_tail_aside
from llm_modules.journal.packing import Packer
from llm_modules.journal.parts import part_numbers, part_path
from llm_modules.journal.records import Line
from llm_modules.whole_files import sync_folder

# What an acknowledged record survives. none: an orderly end only, up to 64 KiB wait in memory;
# flush: the end of the process, however it comes; fsync: also that of the machine.
Durability = Literal["none", "flush", "fsync"]

WAITING_BYTES = 65_536

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rotation:
    """A file that would grow beyond `max_bytes` becomes a part; 0 for `kept_parts` keeps all."""

    max_bytes: int = 32 * 1024 * 1024
    kept_parts: int = 0


class JsonlLog:
    """One journal, held open and locked; safe to append to from several threads.

    Raises JournalLockedError when another process holds the file, JournalError when it cannot be
    opened. A torn last line, left by a crash, is moved to `<name>.torn-<time>` on opening.
    """

    def __init__(
        self, path: Path, *, durability: Durability = "flush", rotation: Rotation | None = None
    ) -> None:
        self.path = path
        self._durability = durability
        self._rotation = rotation or Rotation()
        self._mutex = threading.Lock()
        self._closed = False
        self._waiting = bytearray()
        self._file = open_clean(path)
        self._settle()
        self._link = self._found_link()
        self._seal = Seal(path, self._link)
        self._packer = Packer(path, self._rotation.kept_parts, self._seal.let_go)
        # A crash may have left parts that are not packed.
        self._packer.wake()

    def append(self, record: Line) -> None:
        """Append one record as one line.

        Raises JournalError when it could not be written whole; nothing of it stays in the file.
        """
        body = encoded(record)
        with self._mutex:
            if self._closed:
                raise JournalError(f"{self.path} is closed")
            line, link = chained(body, self._link)
            # The link is kept only once the line is: a refused record leaves no gap.
            try:
                self._add(line, link)
            except OSError as error:
                raise JournalError(f"cannot write {self.path}: {error.strerror}") from error

    def close(self) -> None:
        """Release the file and its lock; closing twice is harmless."""
        with self._mutex:
            if self._closed:
                return
            self._closed = True
            try:
                self._flush()
            except OSError:
                logger.exception("%s: the last records could not be written", self.path)
            os.close(self._file)
        # Not under the lock, and before the seal: retention may be writing to it.
        self._packer.close()
        self._seal.close()

    def _add(self, line: bytes, link: Link) -> None:
        if self._may_wait(len(line)):
            self._waiting += line
        else:
            # Only now: as long as lines wait, it is no matter what became of the file.
            self._make_ready(len(line))
            self._write(bytes(self._waiting + line), link)
        self._link = link

    def _may_wait(self, length: int) -> bool:
        """Tell whether a line goes with later ones, into a file that still has room for it."""
        waiting = len(self._waiting) + length
        is_block_full = self._durability != "none" or waiting >= WAITING_BYTES
        return not is_block_full and self._end + waiting <= self._rotate_at

    def _flush(self) -> None:
        if self._waiting:
            self._write(bytes(self._waiting), self._link)

    def _write(self, block: bytes, link: Link) -> None:
        """Write whole lines of which `link` is the last, or nothing of them."""
        try:
            self._put_down(block)
        except OSError:
            self._has_leftover = True
            # Where this fails too, the next record finds the leftover and tries again.
            with suppress(OSError):
                self._mend()
            raise
        self._end += len(block)
        self._waiting.clear()
        self._seal.put(link)

    def _put_down(self, block: bytes) -> None:
        # A full disk writes part of a line and raises nothing.
        written = os.write(self._file, block)
        if written != len(block):
            raise OSError(errno.ENOSPC, f"only {written} bytes fit, disk full?")
        if self._durability == "fsync":
            os.fsync(self._file)
            # In a new file the line is not safe before the name is.
            if self._end == 0:
                sync_folder(self.path.parent)

    def _make_ready(self, length: int) -> None:
        """Have the file in place, whole and with room for `length` bytes more."""
        # `clean` or logrotate may take the file away while it is open.
        if not is_at(self.path, self._file):
            self._start_anew()
            logger.warning("%s was deleted or replaced; it goes on in a new file", self.path)
        self._mend()
        held = self._end + len(self._waiting)
        if held > 0 and held + length > self._rotate_at:
            self._rotate()

    def _start_anew(self) -> None:
        """Go on in a new file at the same path; number and hash of the last line are kept."""
        try:
            fresh = open_clean(self.path)
        except JournalLockedError as error:
            # While running this is no matter of the user's settings: the record is not written.
            raise JournalError(str(error)) from error
        # Only now: while there is no new file, the old one keeps its lock.
        os.close(self._file)
        self._file = fresh
        self._settle()
        # It lay in the same folder and may have gone with the file.
        self._seal.reopen()

    def _settle(self) -> None:
        """Take the open file as it is."""
        self._end = os.fstat(self._file).st_size
        self._rotate_at = self._rotation.max_bytes
        self._has_leftover = False

    def _found_link(self) -> Link:
        try:
            return last_link(self.path)
        except OSError as error:
            os.close(self._file)
            raise JournalError(f"cannot read {self.path}: {error.strerror}") from error

    def _mend(self) -> None:
        """Cut off what a failed write left; set aside what others tore."""
        size = os.fstat(self._file).st_size
        if self._has_leftover and size > self._end:
            os.ftruncate(self._file, self._end)
        elif size != self._end:
            set_torn_tail_aside(self._file, self.path)
            self._end = os.fstat(self._file).st_size
        self._has_leftover = False

    def _rotate(self) -> None:
        """Give the full file a number and start an empty one; packing it is the packer's."""
        self._flush()
        # Above the highest there is, so that order holds also when parts were taken away.
        number = max(part_numbers(self.path), default=0) + 1
        try:
            self.path.rename(part_path(self.path, number))
        except OSError as error:
            logger.warning("%s cannot be rotated, it grows on: %s", self.path, error)
            self._rotate_at = self._end + self._rotation.max_bytes
            return
        self._start_anew()
        self._packer.wake()
