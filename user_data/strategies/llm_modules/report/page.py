"""From facts to a page: what it is called, what stands above all, its sections."""

from collections.abc import Iterator

from llm_modules.backtest.report.numbers import day
from llm_modules.backtest.report.page import Banner, Page
from llm_modules.backtest.report.plain import plain
from llm_modules.domain import TradingMode
from llm_modules.report.figures import cards
from llm_modules.report.sections import Told, sections

BANNERS: dict[TradingMode, Banner] = {
    "sandbox": Banner(
        "calm",
        "SANDBOX",
        "Exchange and model are simulated: recorded prices are replayed, a program decides, no "
        "money is at stake. What was earned here says nothing about a real market.",
    ),
    "dry_run": Banner(
        "warm",
        "DRY-RUN",
        "Real prices and a real model; orders, fills and money are simulated.",
    ),
    "live": Banner("grave", "LIVE", "Real orders with real money."),
}
# Remarks quote errors of other programs, which may be of any length.
LONGEST_REMARK = 1000


def page_of(told: Told) -> Page:
    """Return the page of a report."""
    span = told.facts.span
    return Page(
        title=f"Trading report, {day(span.since)} to {day(span.until)}",
        sections=sections(told),
        remarks=tuple(plain(one, LONGEST_REMARK) for one in _remarks(told)),
        banner=BANNERS[span.mode],
        cards=cards(told.result),
    )


def _remarks(told: Told) -> Iterator[str]:
    for file, count in told.facts.bad_lines.items():
        if count:
            yield f"{count:,} unreadable lines of {file} are not counted."
    if told.stored.remark:
        yield told.stored.remark
