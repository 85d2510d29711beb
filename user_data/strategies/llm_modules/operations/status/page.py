"""The status of a bot as one screen for people."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from rich.text import Text

from llm_modules.llm.spending.left import BudgetLeft
from llm_modules.operations.running.modes import MODES_IN_WORDS
from llm_modules.operations.status.facts import (
    AccountFacts,
    BotFacts,
    CostFacts,
    JournalFacts,
    LastDecision,
    ModelFacts,
    PositionFacts,
    RefusalFacts,
    StatusReport,
)
from llm_modules.operations.status.layout import Cell, Column, fitted, labelled, table
from llm_modules.operations.viewing.render import STATUS_STYLES, base_of

MODE_STYLES = {"sandbox": "bold cyan", "dry_run": "bold yellow", "live": "bold white on red"}
POSITION_COLUMNS = (
    Column("pair"),
    Column("side", 1),
    Column("lev", 5, is_right=True),
    Column("stake", 6, is_right=True),
    Column("entry", 4, is_right=True),
    Column("now", 3, is_right=True),
    Column("profit", 0, is_right=True),
    Column("stop", 2, is_right=True),
    Column("open for", 7, is_right=True),
)
DECISION_COLUMNS = (
    Column("pair"),
    Column("age", 1, is_right=True),
    Column("decided", 0),
    Column("verdict", 2),
    Column("confidence", 3, is_right=True),
    Column("id", 4),
)
ALARM, WARNING, GOOD = "bold red", "yellow", "green"
GIGABYTE = 1e9
UNKNOWN = "-"

Page = Iterator[Text]


def status_page(report: StatusReport, width: int | None) -> Page:
    """Write a report for a screen so many characters wide; None is a pipe."""
    yield from _bot(report.bot, width)
    for halt in report.halts:
        yield from labelled(halt.name, halt.words, width, ALARM)
    for problem in report.problems:
        yield from labelled("Problem", problem, width, WARNING)
    if report.account is not None:
        yield from _account(report.account, width)
    yield from _positions(report, width)
    yield from _decisions(report, width)
    yield from _refusals(report.refusals, report.model, width)
    yield from _model(report.model, width)
    yield from _cost(report.cost, width)
    yield from _journals(report.journals, width)
    if report.learning_off:
        off = ", ".join(f"{key} is false" for key in report.learning_off)
        yield from labelled("Learning", f"off: {off}", width, WARNING)


def _bot(bot: BotFacts, width: int | None) -> Page:
    if not bot.running:
        yield fitted(Text("Not running. Start it with ./manage.sh start", style="bold"), width)
    elif bot.started_at is None:
        yield fitted(Text("The bot is starting.", style="bold"), width)
    if bot.mode in MODES_IN_WORDS:
        last = "" if bot.running else "last "
        words = MODES_IN_WORDS[bot.mode]
        yield from labelled("Mode", f"{last}{words}", width, MODE_STYLES[bot.mode])
    if bot.starts_as is not None and not bot.running:
        yield from labelled("Would start as", MODES_IN_WORDS[bot.starts_as], width)
    processes = ", ".join(f"{one.name} {one.pid}" for one in bot.processes)
    if processes and not bot.running:
        words = f"{processes}: an earlier run was killed; ./manage.sh stop ends them"
        yield from labelled("Left behind", words, width, ALARM)
    if bot.started_at is None or bot.uptime_seconds is None:
        return
    up = timedelta(seconds=bot.uptime_seconds)
    yield from labelled("Up for", f"{up}, since {bot.started_at:%Y-%m-%d %H:%M} UTC", width)
    yield from labelled("Processes", processes, width)
    says = "answers" if bot.api_answers else "is silent: ./manage.sh logs tells why"
    style = "" if bot.api_answers else WARNING
    yield from labelled("API", f"{bot.api_address} {says}", width, style)


def _account(account: AccountFacts, width: int | None) -> Page:
    parts = [f"{account.equity:,.2f} {account.currency}"]
    if account.drawdown_ratio is not None and account.peak_equity is not None:
        below = f"{-100 * account.drawdown_ratio:.2f} % below its peak of"
        is_peak = account.drawdown_ratio > -0.00005  # noqa: PLR2004 - shown with two digits
        parts.append("at its peak" if is_peak else f"{below} {account.peak_equity:,.2f}")
    if account.day_profit_abs is not None and account.day_profit_ratio is not None:
        parts.append(f"today {account.day_profit_abs:+,.2f} ({_percent(account.day_profit_ratio)})")
    if account.source == "journal":
        parts.append(f"as of the last decision, {account.at:%Y-%m-%d %H:%M} UTC")
    yield from labelled("Equity", ", ".join(parts), width, _sign(account.day_profit_abs))


def _positions(report: StatusReport, width: int | None) -> Page:
    if report.positions is None:
        yield from labelled("Open trades", "unknown: neither API nor database tell", width, WARNING)
        return
    yield from labelled("Open trades", str(len(report.positions)), width)
    if report.positions:
        rows = [_position(one, report.at) for one in report.positions]
        notes = [one.thesis or "" for one in report.positions]
        yield from table(POSITION_COLUMNS, rows, width, notes)


def _position(one: PositionFacts, now: datetime) -> tuple[Cell, ...]:
    profit = UNKNOWN if one.profit_ratio is None else _percent(one.profit_ratio)
    return (
        Cell(base_of(one.pair), "bold"),
        Cell(one.side),
        Cell(f"{one.leverage:g}x"),
        Cell(f"{one.stake_amount:,.2f}"),
        Cell(_price(one.open_rate)),
        Cell(_price(one.current_rate)),
        Cell(profit, _sign(one.profit_ratio)),
        Cell(_price(one.stop_price)),
        Cell(age((now - one.opened_at).total_seconds())),
    )


def _decisions(report: StatusReport, width: int | None) -> Page:
    if not report.decisions:
        yield from labelled("Last decision", "none yet", width)
        return
    yield from labelled("Last decisions", "", width)
    yield from table(DECISION_COLUMNS, [_decision(one) for one in report.decisions], width)


def _decision(one: LastDecision) -> tuple[Cell, ...]:
    return (
        Cell(base_of(one.pair), "bold"),
        Cell(age(one.age_seconds)),
        Cell(one.tool or "no call"),
        Cell(one.verdict, STATUS_STYLES[one.verdict]),
        Cell(UNKNOWN if one.confidence is None else f"{one.confidence:.0f}"),
        # Enough of the id for `decisions --show`.
        Cell(one.decision_id[-6:], "dim"),
    )


def _refusals(refused: RefusalFacts, model: ModelFacts, width: int | None) -> Page:
    if not refused.decisions:
        yield from labelled("Refused", "nothing in 24 h", width)
        return
    reasons = ", ".join(f"{code} {count}" for code, count in refused.by_reason.items())
    words = f"{refused.decisions:,} of {model.asked:,} in 24 h: {reasons}"
    yield from labelled("Refused", words, width, WARNING)


def _model(model: ModelFacts, width: int | None) -> Page:
    name = f"{model.name}: " if model.name else ""
    if not model.asked and not model.failed:
        yield from labelled("Model", f"{name}nothing asked in 24 h", width)
        return
    parts = [f"{name}{model.asked:,} asked in 24 h, {model.failed:,} failed"]
    if model.error_ratio is not None:
        parts[0] += f" ({model.error_ratio:.0%})"
    if model.latency_p50_seconds is not None and model.latency_p95_seconds is not None:
        parts.append(
            f"p50 {model.latency_p50_seconds:.3g} s, p95 {model.latency_p95_seconds:.3g} s"
        )
    counted = (
        (model.fallback, "answered by a fallback"),
        (model.breaker, "not put because a server keeps failing"),
        (model.over_budget, "not put because the budget was spent"),
        (model.skipped, "skipped to spare"),
    )
    parts.extend(f"{count:,} {what}" for count, what in counted if count)
    yield from labelled("Model", ", ".join(parts), width, WARNING if model.failed else "")


def _cost(cost: CostFacts | None, width: int | None) -> Page:
    if cost is None:
        yield from labelled("Cost", "unknown", width, WARNING)
        return
    unpriced = f", {cost.unpriced:,} of unknown price" if cost.unpriced else ""
    words = f"{cost.today_usd:.4f} USD today for {cost.requests:,} requests{unpriced}"
    if cost.budget is None:
        yield from labelled("Cost", f"{words}; the budget cannot be read", width, ALARM)
        return
    limits = "; ".join(map(_limit, cost.budget)) or "no budget is set"
    is_spent = any(one.left <= 0 for one in cost.budget)
    yield from labelled("Cost", f"{words}; {limits}", width, ALARM if is_spent else "")


def _limit(of: BudgetLeft) -> str:
    digits = ".4f" if of.key.startswith("usd") else ",.0f"
    left, amount = format(of.left, digits), format(of.amount, digits)
    return f"{of.key}: {left} of {amount} left until {of.until}"


def _journals(journals: JournalFacts, width: int | None) -> Page:
    problems = list(journals.problems)
    if journals.unreadable_lines:
        problems.append(f"{journals.unreadable_lines:,} lines cannot be read")
    if journals.torn_files:
        problems.append(f"a crash left {', '.join(journals.torn_files)}")
    free = journals.disk_free_bytes
    room = "" if free is None else f", {free / GIGABYTE:,.1f} GB free"
    cut = ", which is not the whole day" if journals.is_cut else ""
    sound = f"sound in the last {journals.lines:,} lines{cut}" if journals.lines else "none yet"
    said = "; ".join(problems) or sound
    style = WARNING if problems else GOOD
    advice = ": ./manage.sh verify" if problems else ""
    yield from labelled("Journals", f"{said}{advice}{room}", width, style)


def age(seconds: float) -> str:
    """Say how old something is, to the unit that matters."""
    minutes = int(seconds) // 60
    if minutes < 1:
        return f"{max(0, int(seconds))} s"
    if minutes < 60:  # noqa: PLR2004
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h {minutes % 60:02} min" if hours < 48 else f"{hours // 24} d"  # noqa: PLR2004


def _price(price: float | None) -> str:
    return UNKNOWN if price is None else f"{price:.6g}"


def _percent(ratio: float) -> str:
    return f"{100 * ratio:+.2f} %"


def _sign(amount: float | None) -> str:
    return "" if not amount else GOOD if amount > 0 else "red"
