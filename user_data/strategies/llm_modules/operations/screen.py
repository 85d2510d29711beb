"""What is said to the person at the terminal; plain when it is piped."""

import json
import sys

from rich.console import Console
from rich.table import Table
from rich.text import Text

from llm_modules.errors import UserError

# Characters; more than any line of ours.
WIDEST = 100_000


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
        """Write a table, as wide as the terminal allows; piped, as wide as its content."""
        self._end_progress()
        if self._out.is_terminal:
            self._out.print(table, markup=False, crop=False)
            return
        # Whoever copies a command out of a file, or looks for a pair in it, needs it in one piece.
        options = self._out.options.update(width=WIDEST, markup=False)
        for line in self._out.render_lines(table, options, pad=False):
            self.say("".join(segment.text for segment in line).rstrip())

    def complain(self, text: str) -> None:
        """Write to standard error."""
        self._end_progress()
        self._errors.print(text, markup=False)

    def raw(self, line: str) -> None:
        """Write JSON for a program, in which nothing can play tricks with a terminal."""
        sys.stdout.write(f"{_escaped(line)}\n")
        sys.stdout.flush()

    def progress(self, text: str) -> None:
        """Rewrite the last line on a terminal; say nothing elsewhere."""
        if self._out.is_terminal:
            self._in_progress = True
            sys.stdout.write(f"\r{text}")
            sys.stdout.flush()

    def agreed(self, question: str = "Go on? [yes/no] ", *, enter: bool = False) -> bool:
        """Ask whether to go on; only yes is yes, and Enter where it is said to be.

        Raises UserError when nobody can answer.
        """
        if not sys.stdin.isatty():
            raise UserError("nobody to ask: confirm with --yes")
        try:
            answer = self._out.input(question, markup=False).strip().lower()
        except EOFError:  # Ctrl-D
            return False
        return enter if not answer else answer in {"y", "yes"}

    def _end_progress(self) -> None:
        if self._in_progress:
            sys.stdout.write("\r\033[K")
            self._in_progress = False


def _escaped(text: str) -> str:
    """Return the same JSON with everything escaped that cannot be seen, or turns text around."""
    if text.isprintable():
        return text
    # Line ends and tabs stand between values only.
    return "".join(
        one if one.isprintable() or one in "\n\t" else json.dumps(one)[1:-1] for one in text
    )
