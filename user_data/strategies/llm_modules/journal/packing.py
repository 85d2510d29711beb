"""Rotated parts become gzip files in the background; the oldest go when too many are kept."""

import gzip
import logging
import os
import shutil
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from llm_modules.journal.chain import SEARCHED_LINES, newest_link
from llm_modules.journal.parts import packed_path, part_lines, part_numbers, part_path
from llm_modules.whole_files import sync_folder

# Small enough to stop soon, large enough that zlib works without holding up other threads.
CHUNK_BYTES = 262_144
# Twice as fast as the usual 9, and hardly larger.
LEVEL = 6

logger = logging.getLogger(__name__)


class Packer:
    """Packs the parts of one journal on a thread of its own, which runs only while there are any.

    Before a part is removed, `let_go` is told the number of its last line. Killed at any moment it
    loses and repeats nothing: a part stays as it is until its gzip file is safe under its name.
    """

    def __init__(self, path: Path, kept_parts: int, let_go: Callable[[int], None]) -> None:
        self._path = path
        self._kept_parts = kept_parts
        self._let_go = let_go
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal-packer")

    def wake(self) -> None:
        """Have everything packed that is not yet; returns at once."""
        if part_numbers(self._path):
            self._pool.submit(self._tidy)

    def close(self) -> None:
        """Stop within a chunk; what is unfinished is packed after the next opening."""
        self._stopping.set()
        self._pool.shutdown(cancel_futures=True)

    def _tidy(self) -> None:
        try:
            # First, for it makes room.
            self._remove_oldest()
            for number in part_numbers(self._path):
                self._pack(number)
        except OSError as error:
            # A full disk, mostly: the parts stay readable as they are.
            logger.warning("%s: parts are not packed yet: %s", self._path, error)

    def _pack(self, number: int) -> None:
        plain, packed = part_path(self._path, number), packed_path(self._path, number)
        # Most parts are packed since long.
        if not plain.exists():
            return
        unfinished = packed.with_suffix(".gz-unfinished")
        if self._compress(plain, unfinished):
            unfinished.replace(packed)
            # Its name too must survive a power failure before the part goes.
            sync_folder(packed.parent)
            plain.unlink()

    def _compress(self, plain: Path, packed: Path) -> bool:
        """Write and sync the gzip file; False when told to stop on the way."""
        with plain.open("rb") as source, packed.open("wb") as raw:
            with gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=LEVEL, mtime=0) as target:
                while chunk := source.read(CHUNK_BYTES):
                    if self._stopping.is_set():
                        return False
                    target.write(chunk)
            raw.flush()
            os.fsync(raw.fileno())
        shutil.copymode(plain, packed)
        return True

    def _remove_oldest(self) -> None:
        excess = part_numbers(self._path)[: -self._kept_parts] if self._kept_parts else []
        for number in excess:
            newest = deque(part_lines(self._path, number), maxlen=SEARCHED_LINES)
            # First: a crash in between must not look like lines somebody removed.
            self._let_go(newest_link(newest).seq)
            part_path(self._path, number).unlink(missing_ok=True)
            packed_path(self._path, number).unlink(missing_ok=True)
