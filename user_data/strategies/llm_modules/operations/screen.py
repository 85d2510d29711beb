"""What is said to the person at the terminal; plain when it is piped."""

import sys

from rich.console import Console
from rich.table import Table
from rich.text import Text

from llm_modules.errors import UserError


class _Output(Console):
    """Standard output whose reader may leave, as `head` does: that is for the caller to end."""

    def on_broken_pipe(self) -> None:
        """Pass on what happened; rich itself would end the program with status 1."""
        raise BrokenPipeError


class Screen:
    """Standard output for answers, standard error for complaints; colour on a terminal only."""

    def __init__(self) -> None:
        # No wrapping and no guessing at numbers: lines stay lines, for people and for grep.
        self._out = _Output(highlight=False, soft_wrap=True)
        self._errors = Console(stderr=True, highlight=False, soft_wrap=True)
        self._in_progress = False

    @property
    def console(self) -> Console:
        """Standard output itself, for what shows a bar and tables of its own."""
        return self._out

    def say(self, text: str | Text) -> None:
        """Write one line, or several."""
        self._end_progress()
        # Without markup: what a model or an exchange wrote may hold [brackets].
        self._out.print(text, markup=False)

    def table(self, table: Table) -> None:
        """Write a table, as wide as the terminal allows; 80 characters when piped."""
        self._end_progress()
        self._out.print(table, markup=False, crop=False)

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

    def agreed(self) -> bool:
        """Ask whether to go on; only yes is yes. Raises UserError when nobody can answer."""
        if not sys.stdin.isatty():
            raise UserError("nobody to ask: confirm with --yes")
        try:
            answer = self._out.input("Go on? [yes/no] ", markup=False)
        except EOFError:  # Ctrl-D
            return False
        return answer.strip().lower() in {"y", "yes"}

    def _end_progress(self) -> None:
        if self._in_progress:
            sys.stdout.write("\r\033[K")
            self._in_progress = False
