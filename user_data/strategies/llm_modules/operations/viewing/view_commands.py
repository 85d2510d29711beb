"""`manage.sh decisions` and `manage.sh trades`: what their options ask for."""

from collections.abc import Sequence
from datetime import UTC, datetime

from llm_modules.errors import UserError
from llm_modules.operations import grammar
from llm_modules.operations.command import Command, Options
from llm_modules.operations.ending import until_interrupted
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.session import Session
from llm_modules.operations.viewing import showing, summary, tails, trade_summary
from llm_modules.operations.viewing.choosing import DecisionChoice, TradeChoice, span_of
from llm_modules.operations.viewing.newest import Seek, anything

DECISION_FILTERS = ("pair", "tool", "verdict", "model", "since", "until")
TRADE_FILTERS = ("pair", "side", "model", "result", "since", "until")


def view_options(options: Options, seek: Seek = anything) -> tails.ViewOptions:
    """Return how a file is to be shown."""
    # What is wanted until a time has an end.
    has_end = getattr(options, "until", None) is not None
    follows, raw = not (options.no_follow or has_end), getattr(options, "raw", False)
    return tails.ViewOptions(options.count, follows, raw, seek)


def _decisions(session: Session, options: Options) -> ExitStatus:
    if options.show is not None:
        _refuse(options, DECISION_FILTERS, "--show shows one decision")
        return showing.show_decision(session, options.show, raw=options.raw)
    span = span_of(options.since, options.until, datetime.now(UTC))
    choice = DecisionChoice(options.pair, options.tool, options.verdict, options.model, span)
    if options.summary:
        return summary.show_summary(session, choice)
    seek = anything if choice.is_everything else choice
    return until_interrupted(lambda: tails.show_decisions(session, view_options(options, seek)))


def _trades(session: Session, options: Options) -> ExitStatus:
    if options.summary:
        _refuse(options, TRADE_FILTERS, "--summary breaks down by itself")
        days = options.days or trade_summary.USUAL_DAYS
        period = trade_summary.Period(options.mode, days, datetime.now(UTC))
        return trade_summary.show_trade_summary(session, period)
    if options.days or options.mode:
        raise UserError("--days and --mode belong to --summary: ./manage.sh trades --summary ...")
    if options.show is not None:
        _refuse(options, TRADE_FILTERS, "--show shows one trade")
        return showing.show_trade(session, options.show, raw=options.raw)
    span = span_of(options.since, options.until, datetime.now(UTC))
    choice = TradeChoice(options.pair, options.side, options.model, options.result, span)
    seek = anything if choice.is_everything else choice
    if options.review:
        return showing.show_reviews(session, options.count, raw=options.raw, seek=seek)
    return until_interrupted(lambda: tails.show_trades(session, view_options(options, seek)))


def _refuse(options: Options, filters: Sequence[str], why: str) -> None:
    """Raise UserError when something was asked for that would have no effect."""
    named = [f"--{name}" for name in filters if getattr(options, name) is not None]
    if named:
        raise UserError(f"{why}: leave out {', '.join(named)}")


DECISIONS = Command(
    "show what the model decided, or how often each check refused",
    _decisions,
    grammar.add_decisions,
)
TRADES = Command("show closed trades and what they taught", _trades, grammar.add_trades)
