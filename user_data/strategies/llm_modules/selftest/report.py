"""What the selftest shows: one table of promises, one of what the gate said, one of the limits."""

from collections.abc import Sequence

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from llm_modules.selftest.inspector import Inspector
from llm_modules.selftest.replay import Replay
from llm_modules.selftest.stage import Result

SIMULATED = (
    "Exchange, account and model are simulated: no order, no network, none of your journals. "
    "Validation, gate, book, desk, stops and halts are the ones the bot runs."
)
INVARIANTS = {
    "I1": "no order exceeds a limit",
    "I2": "the sum of exposure stays within its cap",
    "I3": "no order without an approved verdict",
    "I4": "an exception in the gate is a refusal",
    "I5": "while halted, no order adds exposure",
    "I6": "a stop never moves away from the price",
    "I7": "each decision is carried out at most once (the rest of an exit aside)",
    "I8": "a verdict costs next to nothing",
}
KINDS = ("refusal", "clamp", "remark")


def show_results(results: Sequence[Result], console: Console) -> None:
    """Print what was tried for each invariant, and what became of it."""
    table = Table(title="Selftest", title_justify="left", box=SIMPLE)
    table.add_column("")
    table.add_column("what was tried")
    table.add_column("times", justify="right", no_wrap=True)
    table.add_column("result", no_wrap=True)
    table.add_column("what was seen")
    for invariant, promise in INVARIANTS.items():
        table.add_row(invariant, Text(promise, "bold"))
        for result in results:
            if result.invariant == invariant:
                word = Text("passed", "green") if result.passed else Text("FAILED", "bold red")
                # As Text: what a case saw may hold [brackets].
                seen = Text(result.detail)
                table.add_row("", f"- {result.name}", f"{result.tried:,}", word, seen)
    console.print(table)


def show_counts(inspector: Inspector, console: Console) -> None:
    """Print how often each check refused, clamped or remarked during the replay."""
    table = Table(title="What the gate said during the replay", title_justify="left", box=SIMPLE)
    table.add_column("check")
    for title in ("refused", "clamped", "remarked"):
        table.add_column(title, justify="right")
    for code in sorted({code for code, _ in inspector.counts}):
        counts = (inspector.counts[code, kind] for kind in KINDS)
        table.add_row(code, *(f"{count:,}" if count else "" for count in counts))
    console.print(table)


def show_limits(inspector: Inspector, console: Console) -> None:
    """Print how near the account came to each limit."""
    table = Table(
        title="The nearest the account came to each limit", title_justify="left", box=SIMPLE
    )
    table.add_column("limit")
    table.add_column("configured", justify="right")
    table.add_column("worst", justify="right")
    for name, measure in sorted(inspector.worst.items()):
        sign = "at least " if measure.floor else ""
        table.add_row(name, f"{sign}{measure.bound:.6g}", f"{measure.value:.6g}")
    console.print(table)


def show_replay(replay: Replay, console: Console) -> None:
    """Print what happened during the replay, in two lines."""
    tally, inspector = replay.tally, replay.inspector
    statuses = ", ".join(f"{count:,} {name}" for name, count in inspector.statuses.most_common())
    console.print(
        f"Replay: {tally.candles:,} candles, {tally.decisions:,} decisions ({statuses}), "
        f"{inspector.orders:,} orders, {inspector.fills:,} fills, {tally.stopped_out:,} stopped out"
    )
    console.print(
        f"{tally.restarts} restarts, {tally.halts} halts by hand, {tally.trips} trips of the "
        "emergency stop; after each trip the account was topped up, or nothing more would happen"
    )
