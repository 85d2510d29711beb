"""Files that are there as a whole or not at all, whenever the power goes or the disk is full."""

import os
from contextlib import suppress
from pathlib import Path

OWNER_ONLY = 0o600
# What the process's umask leaves of it, as for any file.
EVERYBODY = 0o666


def put_in_place(path: Path, text: str, *, mode: int = EVERYBODY) -> None:
    """Put a file in place in one step, on disk when this returns. Raises OSError, which names it.

    Whatever happens, there is the old file or the new one, nothing between.
    """
    # In the same folder, because a file can be replaced in one step within a file system only.
    fresh = path.with_name(f".{path.name.lstrip('.')}.new")
    try:
        write_new(fresh, text, mode=mode)
        fresh.replace(path)
        _keep_names(path.parent)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink()
        # Nobody knows the other name: the one people gave is the one to tell.
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_new(path: Path, text: str, *, mode: int = EVERYBODY) -> None:
    """Write a file in place of a leftover, down to the disk. Raises OSError, and leaves none."""
    path.unlink(missing_ok=True)
    # As open to others as it will be from the first byte on; O_EXCL follows no link put there.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            # A name that points to content not yet on disk is an empty file after a power cut.
            os.fsync(file.fileno())
    except OSError:
        path.unlink()
        raise


def _keep_names(folder: Path) -> None:
    """Put a folder on disk: after a power cut a new name in it could be the old one again."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
