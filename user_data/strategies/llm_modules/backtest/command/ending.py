"""What is said of a run when it is over, or had to end early."""

from functools import partial

from llm_modules.backtest.assessment import Assessment
from llm_modules.backtest.command.afterwards import assessed, page_of
from llm_modules.backtest.command.answers import UNUSABLE
from llm_modules.backtest.command.figures import figures
from llm_modules.backtest.command.playing import Plan, Progress, outcome_of
from llm_modules.backtest.crew import only
from llm_modules.backtest.report.terminal import show
from llm_modules.operations.places import shown
from llm_modules.operations.screen import Screen

FINISHED = "The run is finished and on the tape; the same command judges it without asking again."
AFTER_RECORD = (
    "Without --record a run plays what the tape had first: it goes on from there on a new tape; "
    "beside earlier answers it plays those."
)
CLEAR_REST = "\033[K"


def tell_why(plan: Plan, progress: Progress, screen: Screen) -> None:
    """Complain about what ended a run early."""
    if progress.is_over_limit:
        screen.complain(f"--max-cost: at most {progress.spent:,.4f} USD are spent.")
        return
    for number, failure in sorted(progress.failures.items()):
        which = f"Shard {number + 1}: " if plan.options.shards > 1 else ""
        screen.complain(f"{which}{failure}")


def stopped(plan: Plan, progress: Progress, decisions: int) -> str:
    """Return how far a run came that ended early, and how it goes on."""
    decided, mode = progress.moments.decided, plan.options.tape_mode
    if mode == "replay":
        return f"Stopped after {decided:,} of {decisions:,} decisions."
    held = f"{decided:,} of {decisions:,} decisions are on the tape"
    # To go on would play the same unusable answers from the tape: UNUSABLE says what to do.
    if UNUSABLE in progress.failures.values():
        return f"{held}."
    if mode == "record":
        return f"{held}. {AFTER_RECORD}"
    return f"{held}; the same command goes on from there."


def report(plan: Plan, progress: Progress, screen: Screen) -> None:
    """Judge a run and show what it is worth. Raises UserError, OSError and KeyboardInterrupt."""
    page, outcome = page_of(plan), outcome_of(plan, progress)
    try:
        judged: Assessment = only(
            partial(assessed, plan, outcome),
            plan.log,
            lambda what: screen.progress(f"{what} {CLEAR_REST}"),
        )
    # Judging takes minutes; who stops it should know that what was paid for is kept.
    except KeyboardInterrupt:
        screen.complain(FINISHED)
        raise
    if plan.options.json:
        screen.raw(figures(judged, str(page)))
        return
    show(judged, screen)
    screen.say(f"Report: {shown(page)}")
