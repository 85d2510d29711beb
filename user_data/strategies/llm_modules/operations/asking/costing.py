"""`manage.sh cost`: what asking the model has cost, will cost this month, and may cost."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from rich.table import Table

from llm_modules.domain import RunMode
from llm_modules.errors import ConfigError
from llm_modules.journal.parts import found_lines
from llm_modules.llm.spending.budget import Limit
from llm_modules.llm.spending.ledger import LEDGER_NAME, Ledger
from llm_modules.llm.spending.left import BudgetLeft, left_of, limits_in
from llm_modules.llm.spending.periods import Period
from llm_modules.llm.spending.projection import Projection, projection
from llm_modules.llm.spending.totals import Grouping, Total, first_request, total, totals
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.places import shown
from llm_modules.operations.records.past_trades import PastTrades
from llm_modules.operations.session import Session
from llm_modules.operations.settings.reading import value_at
from llm_modules.operations.viewing.render import printable

USUAL_DAYS = 30
COLUMNS = ("requests", "failed", "prompt", "cached", "answer", "reasoning", "USD")
NONE = "-"


@dataclass(frozen=True, slots=True)
class CostOptions:
    """What is asked for: the last so many days, grouped, for people or as JSON."""

    now: datetime
    days: int = USUAL_DAYS
    by: Grouping = "day"
    as_json: bool = False

    @property
    def since(self) -> datetime:
        """The first midnight of UTC of those days, the current day included."""
        return Period.around("day", self.now).start - timedelta(days=self.days - 1)

    @property
    def until(self) -> datetime:
        """The end of the current day."""
        return Period.around("day", self.now).end


@dataclass(frozen=True, slots=True)
class TradeCost:
    """What asking cost in a mode, and how many trades closed there."""

    mode: RunMode
    trades: int
    usd: float


@dataclass(frozen=True, slots=True)
class CostReport:
    """Everything the command says; `whole`, `apart` and `groups` are of the days asked for.

    The sandbox is counted apart from all else: `is_sandbox` tells which of the two the sums are
    of, `apart` is the other.
    """

    day: str
    days: int
    today: Total
    month: Total
    projection: Projection
    budget: tuple[BudgetLeft, ...]
    whole: Total
    is_sandbox: bool
    apart: Total
    by: Grouping
    groups: tuple[Total, ...]
    unpriced: dict[str, int]
    trades: tuple[TradeCost, ...]


def show_costs(session: Session, options: CostOptions) -> ExitStatus:
    """Show what was spent today, this month and in the last days, and what is left of the budget.

    Raises JournalError when the ledger cannot be read.
    """
    path = session.journals().tape.with_name(LEDGER_NAME)
    ledger, screen = Ledger(path), session.screen
    try:
        if first_request(ledger) is None and not options.as_json:
            screen.say(f"No model has been asked yet: there is no request in {shown(path)}.")
            return ExitStatus.DONE
        report = _report(session, ledger, options)
    finally:
        ledger.close()
    if options.as_json:
        screen.raw(json.dumps(asdict(report)))
        return ExitStatus.DONE
    for line in _lines(report):
        screen.say(line)
    screen.table(_table(report))
    return ExitStatus.DONE


def _report(session: Session, ledger: Ledger, options: CostOptions) -> CostReport:
    today, month = (Period.around(span, options.now) for span in ("day", "month"))
    is_sandbox = _is_sandbox(session, ledger)
    spent = partial(total, ledger, is_sandbox=is_sandbox)
    grouped = partial(totals, ledger, options.since, options.until, is_sandbox=is_sandbox)
    limits = _limits(session)
    return CostReport(
        day=f"{today.start:%Y-%m-%d}",
        days=options.days,
        today=spent(today.start, today.end),
        month=spent(month.start, month.end),
        projection=projection(ledger, options.now, is_sandbox=is_sandbox),
        budget=tuple(
            left_of(limit, ledger, options.now, is_sandbox=is_sandbox) for limit in limits
        ),
        whole=spent(options.since, options.until),
        is_sandbox=is_sandbox,
        apart=total(ledger, options.since, options.until, is_sandbox=not is_sandbox),
        by=options.by,
        groups=grouped(options.by),
        unpriced={one.name: one.unpriced for one in grouped("model") if one.unpriced},
        trades=_trade_costs(session, ledger, options),
    )


def _is_sandbox(session: Session, ledger: Ledger) -> bool:
    """Tell whether there is nothing but the sandbox: no model is named, and none was asked."""
    is_named = bool(value_at(session.settings(), "llm_config.model"))
    return not is_named and first_request(ledger, is_sandbox=False) is None


def _limits(session: Session) -> tuple[Limit, ...]:
    try:
        return limits_in(value_at(session.settings(), "llm_config.budget"))
    except ConfigError as error:
        session.screen.complain(str(error))
        return ()


def _trade_costs(session: Session, ledger: Ledger, options: CostOptions) -> tuple[TradeCost, ...]:
    counts: dict[RunMode, int] = {}
    for mode, trade in PastTrades(line.text for line in found_lines(session.journals().trades)):
        if options.since <= trade.closed_at.astimezone(UTC) < options.until:
            counts[mode] = counts.get(mode, 0) + 1
    return tuple(
        TradeCost(mode, counts[mode], total(ledger, options.since, options.until, mode).usd)
        for mode in sorted(counts)
    )


def _lines(report: CostReport) -> list[str]:
    lines = [
        f"Today ({report.day}, UTC): {_summary(report.today)}",
        f"This month: {_summary(report.month)}; {_projected(report.projection)}",
        *(map(_budget_line, report.budget) if report.budget else ["Budget: no limit is set."]),
        *_unit_costs(report),
    ]
    if report.unpriced:
        models = ", ".join(f"{printable(name)!r} ({n:,})" for name, n in report.unpriced.items())
        lines.append(
            f"{report.whole.unpriced:,} requests are in no sum of money, because nobody knows the "
            f"price of {models}: llm_config.prices takes it."
        )
    if report.is_sandbox:
        lines.append("All of it was asked in the sandbox, whose model is a program.")
    elif report.apart.requests:
        lines.append(f"Not counted above, asked in the sandbox: {_summary(report.apart)}")
    return [*lines, f"The last {_days(report.days)}:"]


def _projected(of: Projection) -> str:
    return f"projected {of.usd:.4f} USD, {of.method}"


def _days(days: int) -> str:
    return f"{days} days" if days > 1 else "day"


def _summary(of: Total) -> str:
    unpriced = f" and {of.unpriced:,} of unknown price" if of.unpriced else ""
    return (
        f"{of.usd:.4f} USD, {of.requests:,} requests{unpriced}, {of.tokens:,} tokens, "
        f"{of.cached_ratio:.0%} of the prompts cached"
    )


def _budget_line(of: BudgetLeft) -> str:
    digits = ".4f" if of.key.startswith("usd") else ",.0f"
    spent, amount, left = (format(one, digits) for one in (of.spent, of.amount, of.left))
    share = of.spent / of.amount
    return f"Budget {of.key}: {spent} of {amount} spent ({share:.0%}), {left} left until {of.until}"


def _unit_costs(report: CostReport) -> list[str]:
    lines = []
    whole = report.whole
    if whole.decisions:
        each = whole.decision_usd / whole.decisions
        lines.append(f"Per decision: {each:.6f} USD (mean of {whole.decisions:,})")
    for of in report.trades:
        each = of.usd / of.trades
        lines.append(f"Per closed trade: {each:.4f} USD ({of.mode}, mean of {of.trades:,})")
    return lines


def _table(report: CostReport) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(report.by, overflow="fold")
    for name in COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    for group in report.groups:
        table.add_row(printable(group.name) or NONE, *_cells(group))
    if len(report.groups) > 1:
        table.add_row("all", *_cells(report.whole), style="bold")
    return table


def _cells(of: Total) -> tuple[str, ...]:
    unknown = "?" if of.unpriced else ""
    return (
        f"{of.requests:,}",
        f"{of.failed:,}",
        f"{of.prompt_tokens:,}",
        f"{of.cached_ratio:.0%}",
        f"{of.completion_tokens:,}",
        f"{of.reasoning_tokens:,}",
        f"{of.usd:.4f}{unknown}",
    )
