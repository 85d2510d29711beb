"""`manage.sh report`: gather, write one page, say where it is."""

import json
import math
from datetime import timedelta
from pathlib import Path

from llm_modules.backtest.report.measures import worded
from llm_modules.backtest.report.numbers import money
from llm_modules.backtest.report.page import rendered
from llm_modules.config import ExperienceConfig
from llm_modules.llm.spending.ledger import LEDGER_NAME
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.places import STAMP, shown
from llm_modules.operations.running.modes import DATABASES
from llm_modules.operations.session import Session
from llm_modules.operations.settings.reading import USUAL_TIMEFRAME, value_at
from llm_modules.report.account import account_of, starting_wallet
from llm_modules.report.figures import doubts, result_of
from llm_modules.report.learned import learned
from llm_modules.report.market import sources, traded_pairs
from llm_modules.report.money import spent
from llm_modules.report.options import ReportOptions
from llm_modules.report.page import BANNERS, page_of
from llm_modules.report.reading import Facts, closed_trade, newest_mode, read
from llm_modules.report.sections import Told
from llm_modules.report.span import Span
from llm_modules.report.stored import compare
from llm_modules.report.words import counted
from llm_modules.whole_files import put_in_place

USUAL_CURRENCY = "USDT"


def report(session: Session, options: ReportOptions) -> ExitStatus:
    """Write the page and say where it is; without any record there is none. Raises OSError."""
    screen, journals = session.screen, session.journals()
    mode = options.mode or newest_mode(journals)
    if mode is None:
        return _nothing(session, options, f"There is no record in {_files(session)} yet.")
    span = Span(mode, options.since, options.now)
    facts = read(journals, span, lambda file, n: screen.progress(f"{file}: {n:,} lines "))
    if facts.is_empty:
        why = f"No {mode} record of the last {_days(options)} in {_files(session)}."
        return _nothing(session, options, why)
    screen.progress("drawing ")
    told = gathered(session, facts)
    path = options.out or session.places.user_data / "reports" / f"{options.now:{STAMP}}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    put_in_place(path, rendered(page_of(told)))
    _say(session, options, told, path)
    return ExitStatus.DONE


def gathered(session: Session, facts: Facts) -> Told:
    """Gather everything a page tells beside the journals: database, ledger, candles, memory."""
    settings, span = session.settings(), facts.span
    journals, places = session.journals(), session.places
    wallet = starting_wallet(places, settings, span.mode)
    currency = str(value_at(settings, "stake_currency") or USUAL_CURRENCY)
    trades = tuple(map(closed_trade, facts.trades))
    timeframe = facts.decided.timeframe or str(value_at(settings, "timeframe") or USUAL_TIMEFRAME)
    cost = spent(journals.tape.with_name(LEDGER_NAME), span)
    return Told(
        facts=facts,
        result=result_of(trades, account_of(facts, wallet), cost, currency),
        pairs=traded_pairs(trades, timeframe, span.until, sources(session, span.mode)),
        learned=learned(facts.past, facts.worded, span, _half_life(session)),
        stored=compare(places.user_data / DATABASES[span.mode], span, facts.trades),
        files=tuple(shown(path) for path in (journals.decisions, journals.trades)),
    )


def _half_life(session: Session) -> timedelta:
    found = value_at(session.settings(), "experience_config.lesson_half_life_days")
    is_number = isinstance(found, int | float) and math.isfinite(found) and found > 0
    usual = ExperienceConfig.model_fields["lesson_half_life_days"].default
    return timedelta(days=found if is_number else usual)


def _nothing(session: Session, options: ReportOptions, why: str) -> ExitStatus:
    """Say that there is no page: nothing to report is no failure."""
    if options.as_json:
        session.screen.raw(json.dumps({"path": None, "why": why}))
    else:
        session.screen.say(f"{why} Nothing was written.")
    return ExitStatus.DONE


def _say(session: Session, options: ReportOptions, told: Told, path: Path) -> None:
    screen, facts, result = session.screen, told.facts, told.result
    if options.as_json:
        screen.raw(json.dumps(_as_json(told, path)))
        return
    for file, count in facts.bad_lines.items():
        if count:
            screen.complain(f"{count:,} unreadable lines of {file} are not counted.")
    counts = ", ".join(
        (counted(facts.decided.n, "decision"), counted(len(result.trades), "closed trade"))
    )
    gained = worded(result.statistics, "return_ratio")
    screen.say(
        f"{BANNERS[facts.span.mode].word}, the last {_days(options)}: {counts}, "
        f"{money(result.profit, result.currency)}, return {gained}."
    )
    for doubt in doubts(result):
        screen.say(doubt)
    screen.say(f"Written: {shown(path)}")


def _as_json(told: Told, path: Path) -> dict[str, object]:
    """Return the figures for programs; null where one is not defined."""
    span, result = told.facts.span, told.result
    figures = {
        metric: {"value": one.value, "low": one.low, "high": one.high}
        for metric, one in result.statistics.figures.items()
    }
    return {
        "path": str(path.resolve()),
        "mode": span.mode,
        "since": span.since.isoformat(),
        "until": span.until.isoformat(),
        "decisions": told.facts.decided.n,
        "closed_trades": len(result.trades),
        "profit": result.profit,
        "stake_currency": result.currency,
        "cost_usd": None if result.spent.problem else result.spent.whole.usd,
        "figures": figures,
        "remarks": [*doubts(result)],
        "bad_lines": sum(told.facts.bad_lines.values()),
    }


def _days(options: ReportOptions) -> str:
    return "day" if options.days == 1 else f"{options.days} days"


def _files(session: Session) -> str:
    journals = session.journals()
    return f"{shown(journals.decisions)} and {shown(journals.trades)}"
