"""What is said to the person at the terminal; plain when it is piped."""

import sys

from rich.console import Console
from rich.text import Text


class Screen:
    """Standard output for answers, standard error for complaints; colour on a terminal only."""

    def __init__(self) -> None:
        # No wrapping and no guessing at numbers: lines stay lines, for people and for grep.
        self._out = Console(highlight=False, soft_wrap=True)
        self._errors = Console(stderr=True, highlight=False, soft_wrap=True)
        self._in_progress = False

    def say(self, text: str | Text) -> None:
        """Write one line, or several."""
        self._end_progress()
        # Without markup: what a model or an exchange wrote may hold [brackets].
        self._out.print(text, markup=False)

    def complain(self, text: str) -> None:
        """Write to standard error."""
        self._end_progress()
        self._errors.print(text, markup=False)

    def raw(self, line: str) -> None:
        """Write one line exactly as it is."""
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    def progress(self, text: str) -> None:
        """Rewrite the last line on a terminal; say nothing elsewhere."""
        if self._out.is_terminal:
            self._in_progress = True
            sys.stdout.write(f"\r{text}")
            sys.stdout.flush()

    def can_ask(self) -> bool:
        """Tell whether a person can answer."""
        return sys.stdin.isatty()

    def ask(self, question: str) -> bool:
        """Ask a yes-or-no question; only yes is yes."""
        return self._out.input(f"{question} [yes/no] ", markup=False).strip().lower() in {
            "y",
            "yes",
        }

    def _end_progress(self) -> None:
        if self._in_progress:
            sys.stdout.write("\r\033[K")
            self._in_progress = False
