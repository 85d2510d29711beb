"""Files that are there as a whole or not at all, whenever the power goes or the disk is full."""

import errno
import os
from contextlib import ExitStack, suppress
from pathlib import Path

OWNER_ONLY = 0o600
# What the process's umask leaves of it, as for any file.
EVERYBODY = 0o666
# Some file systems know no such thing for a folder: there a file is as safe as it can be.
_NOT_FOR_FOLDERS = frozenset({errno.EINVAL, errno.EBADF, errno.ENOTSUP, errno.EACCES})


def put_in_place(path: Path, text: str, *, mode: int = EVERYBODY) -> None:
    """Put a file in place in one step, on disk when this returns. Raises OSError, which names it.

    Whatever happens, there is the old file or the new one, nothing between; two may not write the
    same file at once.
    """
    # In the same folder, because a file can be replaced in one step within a file system only.
    fresh = path.with_name(f".{path.name.lstrip('.')}.new")
    try:
        write_new(fresh, text, mode=mode)
        fresh.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        # Nobody knows the other name: the one people gave is the one to tell.
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        # Only what could not take the other's place is still there.
        with suppress(OSError):
            fresh.unlink()


def write_new(path: Path, text: str, *, mode: int = EVERYBODY) -> None:
    """Write a file in place of a leftover, down to the disk. Raises OSError, and leaves none."""
    path.unlink(missing_ok=True)
    # As open to others as it will be from the first byte on; O_EXCL follows no link put there.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with ExitStack() as unless_written:
        unless_written.callback(path.unlink, missing_ok=True)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            # A name that points to content not yet on disk is an empty file after a power cut.
            os.fsync(file.fileno())
        unless_written.pop_all()


def sync_folder(folder: Path) -> None:
    """Have the names in a folder survive a power cut, where that can be had; raises OSError."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _NOT_FOR_FOLDERS:
            raise
