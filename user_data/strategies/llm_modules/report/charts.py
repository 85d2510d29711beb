"""Pictures of our own; those of account, trades and calibration are the backtest report's."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

import plotly.graph_objects as go

from llm_modules.backtest.report.charts.chart import (
    BLUE,
    GREY,
    ORANGE,
    VERMILION,
    Chart,
    milliseconds,
    paper,
    time_paper,
)
from llm_modules.backtest.report.charts.equity import drawdown_figure, model_curve
from llm_modules.backtest.report.charts.trades import NOTE, coarsened, trades_figure
from llm_modules.backtest.report.charts.trades import Lesson as LessonOf
from llm_modules.backtest.report.plain import label, name
from llm_modules.learning.patterns import Pattern
from llm_modules.report.account import Account
from llm_modules.report.decided import Check
from llm_modules.report.market import TradedPair
from llm_modules.report.words import counted

# More bars than that nobody tells apart; the table has all of them.
MOST_BARS = 15
KINDS = (
    ("refusal", "refused", VERMILION, ""),
    ("clamp", "cut back", ORANGE, "/"),
    ("remark", "remarked", GREY, "."),
)
# Above, an axis of its own choice has whole numbers anyway.
MOST_BY_ONES = 10
ALONE = " No candles of this pair were found: the prices are those of the trades alone."
DAY_MS = 86_400_000
MOST_TICKS = 12


def account_chart(account: Account, currency: str) -> Chart:
    """Draw the account through time."""
    figure = time_paper(f"account ({label(currency)})", showlegend=False)
    figure.add_trace(model_curve(account.equity, "account"))
    return Chart("equity", account.title, account.sentence, figure)


def drawdown_chart(account: Account) -> Chart | None:
    """Draw how far the account lay below its highest; None where there is no positive account."""
    if account.equity.values[0] <= 0:
        return None
    figure = drawdown_figure(account.equity, float(account.equity.values[0]))
    note = "How far the account lay below its highest so far, of these days."
    return Chart("drawdown", "Drawdown", note, figure)


def pair_chart(number: int, of: TradedPair, currency: str, lesson: LessonOf) -> Chart:
    """Draw the trades of a pair on its candles, or alone."""
    figure = trades_figure(coarsened(of.candles), of.trades, currency, lesson)
    note = NOTE if of.sources else NOTE + ALONE
    return Chart(
        f"trades-{number}", f"{name(of.pair)}: {counted(len(of.trades), 'trade')}", note, figure
    )


def checks_chart(checks: Mapping[str, Check]) -> Chart | None:
    """Draw how often each check spoke, the busiest on top; None where none did."""
    if not checks:
        return None
    busiest = sorted(checks, key=lambda code: (-checks[code].counts.total(), code))[:MOST_BARS]
    figure = paper("decisions", "", barmode="stack", bargap=0.35)
    figure.update_yaxes(autorange="reversed", automargin=True, type="category")
    for kind, said, colour, shape in KINDS:
        numbers = [checks[code].counts[kind] for code in busiest]
        if any(numbers):
            figure.add_trace(_bars(busiest, numbers, said, {"colour": colour, "shape": shape}))
    if max(checks[code].counts.total() for code in busiest) <= MOST_BY_ONES:
        # Nobody decides by halves.
        figure.update_xaxes(dtick=1)
    note = "How often each check refused a decision, cut it back, or remarked on it."
    return Chart("checks", "What the gate said", note, figure)


def patterns_chart(patterns: Sequence[Pattern], titles: Sequence[str]) -> Chart | None:
    """Draw the win rate of each pattern with its interval, beside what is usual."""
    if not patterns:
        return None
    rows = [label(title) for title in titles]
    figure = paper("trades won (%)", "")
    figure.update_xaxes(range=[-4, 104])
    figure.update_yaxes(autorange="reversed", automargin=True, type="category")
    figure.add_traces([_won(patterns, rows), _usually_won(patterns, rows)])
    note = "Bars are Wilson intervals of 95 %; none of them holds what is usual."
    return Chart("patterns", "Where results differed by more than luck", note, figure)


def _won(patterns: Sequence[Pattern], rows: Sequence[str]) -> go.Scatter:
    return go.Scatter(
        x=[100 * one.win_rate for one in patterns],
        y=rows,
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [100 * (one.high - one.win_rate) for one in patterns],
            "arrayminus": [100 * (one.win_rate - one.low) for one in patterns],
        },
        mode="markers",
        marker={"color": BLUE, "size": 11},
        name="under this condition",
        hovertemplate="%{x:.0f} % won<extra></extra>",
    )


def _usually_won(patterns: Sequence[Pattern], rows: Sequence[str]) -> go.Scatter:
    return go.Scatter(
        x=[100 * one.usual_win_rate for one in patterns],
        y=rows,
        mode="markers",
        marker={"symbol": "line-ns", "size": 20, "line": {"width": 3, "color": GREY}},
        name="usual",
        hovertemplate="usual: %{x:.0f} % won<extra></extra>",
    )


def cost_chart(days: Sequence[tuple[date, float]]) -> Chart | None:
    """Draw what each day took, in USD; None where nothing was to be paid."""
    if not any(usd for _, usd in days):
        return None
    figure = time_paper("cost (USD)", showlegend=False)
    first, last = (milliseconds(_noon(day)) for day in (days[0][0], days[-1][0]))
    apart = 1 + round((last - first) / DAY_MS) // MOST_TICKS
    figure.update_xaxes(
        title={"text": "day (UTC)"},
        # One bar alone would be as wide as the page.
        range=[first - DAY_MS, last + DAY_MS],
        tick0=first,
        dtick=apart * DAY_MS,
        tickformat="%b %-d",
    )
    figure.add_trace(
        go.Bar(
            x=[milliseconds(_noon(day)) for day, _ in days],
            y=[usd for _, usd in days],
            width=0.7 * DAY_MS,
            marker={"color": BLUE},
            hovertemplate="%{x|%Y-%m-%d}: %{y:,.4f} USD<extra></extra>",
        )
    )
    return Chart("cost", "Cost per day", "What the questions of each day cost.", figure)


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


def _bars(codes: Sequence[str], numbers: Sequence[int], said: str, look: Mapping[str, str]) -> Any:
    return go.Bar(
        orientation="h",
        y=[label(code) for code in codes],
        x=numbers,
        name=said,
        marker={"color": look["colour"], "pattern": {"shape": look["shape"]}},
        hovertemplate=f"%{{y}}: {said} %{{x:,}} times<extra></extra>",
    )
