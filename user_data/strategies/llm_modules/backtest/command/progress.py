"""How far a run is: a bar on a terminal, a line at each tenth elsewhere."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from llm_modules.backtest.outcome import Moment

TENTHS = 10


class Watcher(Protocol):
    """Is told the newest moment of each part of a run, and what was spent in USD, if known."""

    def __call__(self, moments: "Moments", spent: float | None) -> None:
        """Show it."""
        ...


class Moments:
    """The newest moment of each of `shards` shards, and what they come to together."""

    def __init__(self, shards: int) -> None:
        self._shards = shards
        self._newest: dict[int, Moment] = {}

    def note(self, shard: int, moment: Moment) -> None:
        """Take in a moment."""
        self._newest[shard] = moment

    @property
    def candle(self) -> int:
        """Candles decided so far."""
        return sum(moment.candle for moment in self._newest.values())

    @property
    def decided(self) -> int:
        """Decisions so far, without failures at the end: those are asked again."""
        return sum(moment.decided for moment in self._newest.values())

    @property
    def equity(self) -> str:
        """The account; of several shards none is the account."""
        # Each shard has a wallet of its own; their sum or mean would be nobody's money,
        # and so is that of the first one, while the others have not begun.
        if self._shards > 1 or not self._newest:
            return ""
        return f"equity {next(iter(self._newest.values())).equity:,.2f}"


@contextmanager
def watching(console: Console, candles: int, say: Callable[[str], None]) -> Iterator[Watcher]:
    """Show a bar on a terminal; elsewhere say a line at each tenth."""
    if not console.is_terminal:
        yield _lines(candles, say)
        return
    columns = (
        TextColumn("candles"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=candles)

        def show(moments: Moments, spent: float | None) -> None:
            bar.update(task, completed=moments.candle, description=_worded(moments, spent))

        yield show


def _lines(candles: int, say: Callable[[str], None]) -> Watcher:
    # A log of a night should hold ten lines, not one per candle.
    said = 0

    def tell(moments: Moments, spent: float | None) -> None:
        nonlocal said
        tenth = math.floor(moments.candle * TENTHS / max(1, candles))
        if tenth > said:
            said = tenth
            say(f"{tenth * 100 // TENTHS} %: {_worded(moments, spent)}")

    return tell


def _worded(moments: Moments, spent: float | None) -> str:
    cost = "cost unknown" if spent is None else f"at most {spent:,.4f} USD spent"
    return ", ".join(
        part for part in (f"{moments.decided:,} decided", cost, moments.equity) if part
    )
