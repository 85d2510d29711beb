"""Freqtrade's Web UI: fetched once where the internet allows, beside a bot that does not wait.

In the Docker image it is there already. The API answers without it.
"""

import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

from llm_modules.operations.places import PROJECT, Places

STAMP_NAME = "web_ui_fetched_at"
RETRY_AFTER = timedelta(days=1)
# The start itself takes about as long; whatever is slower goes on by itself.
PATIENCE_SECONDS = 3.0
BY_HAND = "./manage.sh freqtrade install-ui"
FETCH = (sys.executable, "-m", "freqtrade", "install-ui")


@dataclass(frozen=True, slots=True)
class Fetching:
    """A Web UI that is there, or on its way, or cannot be had now; `remark` says the last."""

    process: subprocess.Popen[bytes] | None = None
    remark: str | None = None

    def said(self, seconds: float = PATIENCE_SECONDS) -> str | None:
        """Return what people should know, None where all is well; waits at most so long."""
        if self.process is None:
            return self.remark
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return "The Web UI is being fetched in the background; reload the page in a minute."
        if status == 0:
            return None
        return (
            "The Web UI could not be fetched (no internet?): the API answers without it. "
            f"{BY_HAND} tries again."
        )


def begin(
    places: Places, now: datetime, folder: Path | None = None, command: tuple[str, ...] = FETCH
) -> Fetching:
    """Fetch the Web UI in the background where it is missing, at most once a day.

    `folder` is where Freqtrade keeps it.
    """
    if is_installed(folder or installed_folder()):
        return Fetching()
    stamp = places.run / STAMP_NAME
    tried_at = _tried_at(stamp)
    if tried_at is not None and now - tried_at < RETRY_AFTER:
        return Fetching(
            remark=f"The Web UI is not installed; fetching it failed at {tried_at:%Y-%m-%d %H:%M} "
            f"UTC. The API answers without it. {BY_HAND} tries again."
        )
    try:
        places.run.mkdir(parents=True, exist_ok=True)
        # Before it is tried: whoever ends it in between is not asked to wait again.
        stamp.write_text(now.isoformat(), encoding="utf-8")
        return Fetching(process=_started(command))
    except OSError as error:
        return Fetching(remark=f"The Web UI could not be fetched: {error}. {BY_HAND} tries again.")


def installed_folder() -> Path:
    """Return where Freqtrade keeps its Web UI, found without loading Freqtrade."""
    found = find_spec("freqtrade")
    package = Path(found.origin).parent if found and found.origin else PROJECT
    return package / "rpc" / "api_server" / "ui" / "installed"


def is_installed(folder: Path) -> bool:
    """Tell whether the Web UI is there."""
    return (folder / "index.html").is_file()


def _started(command: tuple[str, ...]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own command, no shell
        command,
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Ctrl-C while following decisions is not meant for it.
        start_new_session=True,
    )


def _tried_at(stamp: Path) -> datetime | None:
    try:
        tried_at = datetime.fromisoformat(stamp.read_text(encoding="utf-8").strip())
    except (OSError, ValueError):
        return None
    return tried_at if tried_at.tzinfo else None
