"""The tables of the page: decisions, checks, refused entries, trades, lessons, days."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date

from llm_modules.backtest.report.grid import Grid
from llm_modules.backtest.report.numbers import (
    MISSING,
    dollars,
    minute,
    money,
    percent,
    price,
    share,
)
from llm_modules.backtest.report.plain import LONGEST_TEXT, name, plain
from llm_modules.journal.records import DecisionRecord, DecisionStatus, HaltRecord, TradeRecord
from llm_modules.learning.breakdowns import Breakdown, TradeStatistics
from llm_modules.learning.lesson_memory import Lesson
from llm_modules.report.decided import Check, Decided
from llm_modules.report.learned import Evidence, Learned

STATUSES: tuple[DecisionStatus, ...] = ("approved", "clamped", "refused", "failed", "skipped")
MOST_NAMES = 8
LONGEST_SHORT = 160
NEWEST_TRADES = 100


def verdicts(decided: Decided) -> Grid:
    """Return how many calls of each tool were approved, clamped, refused, failed or not asked."""
    tools = sorted({tool for tool, _ in decided.verdicts})
    rows = [_verdict_row(tool, (tool,), decided) for tool in tools]
    return Grid(("tool", *STATUSES, "all"), (*rows, _verdict_row("all", tools, decided)))


def checks(found: Mapping[str, Check]) -> Grid:
    """Return how often each check spoke, the busiest first, and what it said last."""
    order = sorted(found, key=lambda code: (-found[code].counts.total(), code))
    rows = tuple(_check_row(code, found[code]) for code in order)
    headings = ("check", "refused", "cut back", "remarked", "newest (UTC)", "said then")
    return Grid(headings, rows, is_wordy=True)


def refused(records: Iterable[DecisionRecord]) -> Grid:
    """Return the newest refused decisions: what was asked for, why, and what forbade it."""
    newest = sorted(records, key=lambda one: one.at, reverse=True)
    headings = ("at (UTC)", "pair", "asked for", "the model's reason", "refused because")
    return Grid(headings, tuple(map(_refused_row, newest)), is_wordy=True)


def halts(records: Sequence[HaltRecord]) -> Grid:
    """Return when trading was halted and resumed, newest first."""
    rows = [
        (minute(one.at), one.event, plain(one.text))
        for one in sorted(records, key=lambda one: one.at, reverse=True)
    ]
    return Grid(("at (UTC)", "what", "why"), tuple(rows), is_wordy=True)


def trades(
    records: Sequence[TradeRecord], currency: str, lesson: Callable[[TradeRecord], str | None]
) -> Grid:
    """Return the newest trades with the reason they were opened for and what they taught."""
    newest = sorted(records, key=lambda one: one.closed_at, reverse=True)[:NEWEST_TRADES]
    headings = ("trade", "what", "result", "why it was opened", "what it taught")
    rows = tuple(_trade_row(one, currency, lesson(one)) for one in newest)
    return Grid(headings, rows, is_wordy=True)


def breakdown(statistics: TradeStatistics) -> Grid:
    """Return the trades by what they have in common."""
    groups: tuple[tuple[str, Mapping[str, Breakdown]], ...] = (
        ("market at entry", statistics.by_regime),
        ("hour of entry (UTC)", statistics.by_hour),
        ("leverage", statistics.by_leverage),
        ("confidence", statistics.by_confidence),
        ("exit", statistics.by_exit_reason),
    )
    rows = tuple(
        (
            f"{title}: {name(key)}",
            f"{one.n:,}",
            share(one.wins / one.n),
            percent(one.mean_profit_ratio),
        )
        for title, found in groups
        for key, one in found.items()
    )
    return Grid(("", "trades", "won", "mean profit"), rows)


def lessons(found: Learned) -> Grid:
    """Return the lessons that hold, the weightiest first, with the trades behind each."""
    rows = tuple(
        _lesson_row(lesson, text, found.evidence[lesson.code, lesson.side])
        for lesson, text in found.lessons
    )
    headings = ("lesson", "as the model is told", "borne out by", "contradicted by", "last")
    return Grid(headings, rows, is_wordy=True)


def retired(found: Learned) -> Grid:
    """Return the lessons that do not hold any more, with their evidence."""
    rows = tuple(
        (f"{code}, {side}", _named(one.support), _named(one.against))
        for (code, side), one in found.retired
    )
    return Grid(("lesson", "borne out by", "contradicted by"), rows, is_wordy=True)


def days(found: Sequence[tuple[date, float]]) -> Grid:
    """Return what each day cost, newest first."""
    rows = tuple((f"{day:%Y-%m-%d}", dollars(usd)) for day, usd in reversed(found))
    return Grid(("day (UTC)", "cost"), rows)


def _verdict_row(title: str, tools: Sequence[str], decided: Decided) -> tuple[str, ...]:
    counts = [sum(decided.verdicts[tool, status] for tool in tools) for status in STATUSES]
    return (name(title), *(f"{n:,}" for n in (*counts, sum(counts))))


def _check_row(code: str, check: Check) -> tuple[str, ...]:
    # Lines of before the kind was recorded tell only that the check spoke.
    numbers = (check.counts["refusal"], check.counts["clamp"], check.counts["remark"])
    newest = MISSING if check.newest is None else minute(check.newest)
    counts = (f"{n:,}" for n in numbers)
    return (name(code), *counts, newest, plain(check.text, LONGEST_SHORT))


def _refused_row(record: DecisionRecord) -> tuple[str, ...]:
    because = "; ".join(
        f"{one.code}: {one.text}" for one in record.reasons if one.kind in {"refusal", "unknown"}
    )
    return (
        minute(record.at),
        name(record.pair),
        _asked(record),
        plain(str(record.call.get("reason") or "")),
        plain(because),
    )


def _asked(record: DecisionRecord) -> str:
    told = [name(record.tool or MISSING)]
    for key, unit in (("leverage", "x"), ("stake_amount", " stake"), ("adjustment_pct", " %")):
        value = record.call.get(key)
        if isinstance(value, int | float):
            told.append(f"{value:g}{unit}")
    confidence = record.call.get("confidence_score")
    if isinstance(confidence, int | float):
        told.append(f"confidence {confidence:g}")
    return ", ".join(told)


def _trade_row(record: TradeRecord, currency: str, lesson: str | None) -> tuple[str, ...]:
    what = f"{name(record.pair)} {record.side} {record.leverage:g}x, {price(record.open_rate)}"
    when = f"{minute(record.opened_at)} to {minute(record.closed_at)}"
    profit = f"{money(record.profit_abs, currency)} ({percent(record.profit_ratio)})"
    ended = f"{profit}, {name(record.exit_reason)}, grade {record.evaluation.grade}"
    reason = plain(record.entry.reason) if record.entry else MISSING
    return f"#{record.trade_id}", f"{what}, {when}", ended, reason, plain(lesson or "")


def _lesson_row(lesson: Lesson, text: str, evidence: Evidence) -> tuple[str, ...]:
    title = f"{lesson.code}, {lesson.side}"
    named = _named(evidence.support), _named(evidence.against)
    return (title, plain(text, LONGEST_TEXT), *named, minute(lesson.last_seen))


def _named(trade_ids: Sequence[int]) -> str:
    """Name the newest trades of some, and how many there are in all."""
    if not trade_ids:
        return MISSING
    names = " ".join(f"#{one}" for one in reversed(trade_ids[-MOST_NAMES:]))
    more = f" and {len(trade_ids) - MOST_NAMES:,} more" if len(trade_ids) > MOST_NAMES else ""
    return f"{len(trade_ids):,}: {names}{more}"
