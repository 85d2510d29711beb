"""A person at a terminal: a real tmux, what was typed there, and what was seen."""

import shutil
import subprocess
import time
from pathlib import Path

NAME = "path"
COLUMNS, ROWS = 100, 50


class Terminal:
    """A shell in a folder; `seen` is the whole screen with what has scrolled away."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._socket = folder / "tmux.socket"
        self._environment = environment
        self._typed = 0
        shell = ["bash", "--noprofile", "--norc"]
        size = ["-x", str(COLUMNS), "-y", str(ROWS)]
        self._tmux("-f", "/dev/null", "new-session", "-d", "-s", NAME, *size, "-c", folder, *shell)
        self._tmux("set-option", "-g", "history-limit", "20000")
        # Of its own: the limit holds for windows made later.
        self._tmux("new-window", "-t", NAME, "-c", folder, *shell)

    def close(self) -> None:
        self._tmux("kill-server")

    def run(self, command: str, seconds: float = 60) -> tuple[int, str]:
        """Type a command, wait for its end; return its status and what it wrote."""
        self.type(command)
        return self.ended(seconds)

    def type(self, command: str) -> None:
        """Type a command and press Enter, without waiting."""
        self._typed += 1
        self._tmux("clear-history", "-t", NAME)
        # In two parts, so that the line that is typed is not taken for what it prints.
        self._tmux("send-keys", "-t", NAME, f"clear; {command}; echo ended'-'{self._typed}:$?")
        self.press("Enter")

    def press(self, *keys: str) -> None:
        self._tmux("send-keys", "-t", NAME, *keys)

    def ended(self, seconds: float) -> tuple[int, str]:
        mark = f"ended-{self._typed}:"
        seen = self.wait_for(mark, seconds)
        before, _, after = seen.partition(mark)
        return int(after.split()[0]), before

    def wait_for(self, text: str, seconds: float) -> str:
        """Wait until a text is seen; return everything that is."""
        deadline = time.monotonic() + seconds
        while text not in (seen := self.seen()):
            assert time.monotonic() < deadline, f"{text!r} not seen within {seconds:g} s:\n{seen}"
            time.sleep(0.2)
        return seen

    def seen(self) -> str:
        return self._tmux("capture-pane", "-t", NAME, "-p", "-J", "-S", "-")

    def _tmux(self, *arguments: str | Path) -> str:
        words = [shutil.which("tmux") or "tmux", "-S", str(self._socket), *map(str, arguments)]
        return subprocess.run(  # noqa: S603 - our own words
            words, capture_output=True, text=True, check=True, env=self._environment
        ).stdout
