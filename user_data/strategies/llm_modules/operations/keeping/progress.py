"""How far a long copy has come, for whoever waits at a terminal."""

from dataclasses import dataclass, field

from llm_modules.operations.screen import Screen

BAR_CHARACTERS = 24
# What is smaller is over before it can be read.
WORTH_TELLING_BYTES = 8 * 1024 * 1024
STEP = 1024


def sized(size_bytes: float) -> str:
    """Write a number of bytes for people: 512 B, 3.4 MB."""
    for unit in ("B", "kB", "MB"):
        if size_bytes < STEP:
            return f"{size_bytes:.0f} B" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= STEP
    return f"{size_bytes:.1f} GB"


@dataclass(slots=True)
class Meter:
    """A bar that is redrawn for each percent; call it with the bytes that have been done since."""

    screen: Screen
    what: str
    total_bytes: int
    _done_bytes: int = field(default=0, init=False)
    _shown: int = field(default=-1, init=False)

    def __call__(self, size_bytes: int) -> None:
        """Count on, and redraw the bar where that is seen."""
        self._done_bytes += size_bytes
        if self.total_bytes < WORTH_TELLING_BYTES:
            return
        # What grows while it is copied would go beyond the end.
        share = min(1.0, self._done_bytes / self.total_bytes)
        if round(share * 100) == self._shown:
            return
        self._shown = round(share * 100)
        bar = "#" * round(share * BAR_CHARACTERS)
        of = sized(self.total_bytes)
        self.screen.progress(f"{self.what} [{bar:.<{BAR_CHARACTERS}}] {self._shown:3} % of {of} ")
