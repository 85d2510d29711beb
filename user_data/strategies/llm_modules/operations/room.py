"""How much room a disk has, and from when on that is too little."""

import shutil
from pathlib import Path

# Journals and tape of a day are some 50 MB; below the lower figure a backup may not fit.
LEAST_FREE_BYTES = 200 * 1000**2
COMFORTABLE_BYTES = 1000**3


def free_bytes(folder: Path) -> int | None:
    """Return what the disk of a folder has left, None when the system does not tell."""
    # Before the first start the folder is not there yet, but the disk is.
    there = next((one for one in (folder, *folder.parents) if one.exists()), None)
    try:
        return None if there is None else shutil.disk_usage(there).free
    except OSError:
        return None
