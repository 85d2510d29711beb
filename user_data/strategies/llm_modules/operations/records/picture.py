"""A picture of calibration: what it shows, and how it is drawn by a process of its own.

Importing matplotlib takes 0.4 s, which no other command has to wait for.
"""

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from llm_modules.learning.calibration import Reliability
from llm_modules.operations.places import Places

MODULE = "llm_modules.operations.records.drawing"
# The first start of matplotlib builds its cache of fonts, on whatever disk there is.
LONGEST_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Picture:
    """A reliability diagram: whose, and what it shows."""

    title: str
    reliability: Reliability


PICTURE: TypeAdapter[Picture] = TypeAdapter(Picture)


def draw(picture: Picture, path: Path, places: Places) -> str | None:
    """Draw a picture into a PNG file, its folder made if need be; return what went wrong, if so.

    Raises OSError when the folder cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # A folder of its own for matplotlib's cache of fonts: the home may be read-only, and the
    # cache is made in less time than it takes to complain about that.
    with tempfile.TemporaryDirectory() as scratch:
        own = {"PYTHONPATH": str(places.strategies), "MPLCONFIGDIR": scratch}
        try:
            drawn = subprocess.run(  # noqa: S603 - our own command, no shell
                [sys.executable, "-m", MODULE, str(path)],
                input=PICTURE.dump_json(picture),
                env={**os.environ, **own},
                capture_output=True,
                timeout=LONGEST_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"it took longer than {LONGEST_SECONDS:g} s"
    said = drawn.stderr.decode(errors="replace").strip().splitlines()
    if drawn.returncode:
        return said[-1] if said else f"status {drawn.returncode}"
    return None
