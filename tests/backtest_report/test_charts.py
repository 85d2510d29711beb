import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backtest_report_scenes import (
    END,
    START,
    a_contender,
    a_refused_entry,
    an_assessment,
    an_equity,
    an_outcome,
    candles_of,
    some_trades,
    waving,
    write_journals,
)
from builders import NOON, PAIR, a_closed_trade, a_thesis
from llm_modules.backtest.assessment import Assessment
from llm_modules.backtest.outcome import Equity
from llm_modules.backtest.refusals import effects
from llm_modules.backtest.report.charts.calibration import calibration, calibration_chart
from llm_modules.backtest.report.charts.chart import MOST_POINTS, Chart, last_of_each, milliseconds
from llm_modules.backtest.report.charts.cost import cost_chart
from llm_modules.backtest.report.charts.equity import drawdown_chart, equity_chart
from llm_modules.backtest.report.charts.refusals import refusals_chart
from llm_modules.backtest.report.charts.trades import MOST_CANDLES, coarsened, trades_chart
from llm_modules.backtest.report.journals import read
from llm_modules.domain import ClosedTrade
from llm_modules.learning.calibration import Calibration


def drawn(chart: Chart | None) -> Any:
    assert chart is not None
    return chart.figure


def traces(chart: Chart | None) -> dict[str, Any]:
    return {trace.name: trace for trace in drawn(chart).data}


class Raw:
    """A figure that writes its texts as they are."""

    def __init__(self, text: str) -> None:
        self.text = text

    def to_json(self, *, engine: str) -> str:
        assert engine == "json"
        return self.text


def no_lesson(_trade: ClosedTrade) -> None:
    return None


@pytest.fixture
def assessment(tmp_path: Path) -> Assessment:
    return an_assessment(an_outcome(tmp_path))


def test_every_axis_has_a_title_and_a_unit(assessment: Assessment) -> None:
    write_journals(assessment.outcome.folder, some_trades())
    journals = read(assessment.outcome)
    charts = (
        equity_chart(assessment),
        drawdown_chart(assessment),
        trades_chart(assessment, 0, candles_of(PAIR), no_lesson),
        calibration_chart(journals.reliability),
        refusals_chart(assessment.checks, "USDT"),
        cost_chart(journals.costs),
    )
    titles = [
        (drawn(one).layout.xaxis.title.text, drawn(one).layout.yaxis.title.text) for one in charts
    ]
    assert titles == [
        ("time (UTC)", "account (USDT)"),
        ("time (UTC)", "below the peak (%)"),
        ("time (UTC)", "price (USDT)"),
        ("confidence said (%)", "trades won (%)"),
        ("would have earned (USDT)", ""),
        ("time (UTC)", "cost so far (USD)"),
    ]


def test_the_account_is_drawn_over_its_baselines_and_the_band_of_chance(
    assessment: Assessment,
) -> None:
    figure = drawn(equity_chart(assessment))
    assert [trace.name for trace in figure.data] == [
        "random, low",
        "random, middle 95 %",
        "random, median",
        "hold",
        "wait",
        "test-model",
    ]
    model = figure.data[-1]
    assert list(model.x) == assessment.equity.at.tolist()
    assert np.allclose(model.y, assessment.equity.values, atol=0.005)
    low, high = figure.data[:2]
    assert (low.fill, high.fill, low.showlegend) == (None, "tonexty", False)
    assert (low.y[-1], high.y[-1]) == (9_500, 10_400)


def test_no_two_of_five_baselines_look_the_same_without_colour(assessment: Assessment) -> None:
    five = tuple(a_contender(f"baseline {number}", 10_000.0) for number in range(6))
    figure = drawn(equity_chart(replace(assessment, baselines=five, random=None)))
    dashes = [trace.line.dash for trace in figure.data]
    assert len(set(dashes[:5])) == 5
    assert dashes[5] == dashes[0]
    assert dashes[6] is None


def test_names_cannot_write_tags_into_a_chart(assessment: Assessment) -> None:
    named = replace(assessment, model="<b>bold</b>", baselines=(a_contender("<i>x", 1.0),))
    assert {"&lt;b&gt;bold&lt;/b&gt;", "&lt;i&gt;x"} <= traces(equity_chart(named)).keys()
    chart = equity_chart(replace(named, outcome=replace(named.outcome, stake_currency="<a>")))
    assert drawn(chart).layout.yaxis.title.text == "account (&lt;a&gt;)"


def test_an_account_without_a_candle_is_not_drawn(assessment: Assessment) -> None:
    empty = replace(assessment, equity=Equity(np.array([], np.int64), np.array([])))
    assert equity_chart(empty) is None
    assert drawdown_chart(empty) is None


def test_the_drawdown_is_measured_from_the_highest_so_far(assessment: Assessment) -> None:
    account = replace(assessment, equity=an_equity(10_000, 12_500, 10_000, 12_500, 13_000))
    (trace,) = drawn(drawdown_chart(account)).data
    assert trace.y[0] == 0
    assert min(trace.y) == pytest.approx(-20, abs=0.5)
    assert trace.y[-1] == 0


def test_money_lost_from_the_first_candle_on_is_a_drawdown(assessment: Assessment) -> None:
    (trace,) = drawn(drawdown_chart(replace(assessment, equity=an_equity(9_000, 9_000)))).data
    assert set(trace.y) == {-10}


def test_thinned_out_the_deepest_point_is_still_there(assessment: Assessment) -> None:
    values = np.full(50_000, 10_000.0)
    values[last_of_each(len(values))[1000]] = 7_000.0
    at = milliseconds(START) + 60_000 * np.arange(len(values))
    account = replace(assessment, equity=Equity(at.astype(np.int64), values))
    (trace,) = drawn(drawdown_chart(account)).data
    assert len(trace.y) == MOST_POINTS
    assert min(trace.y) == pytest.approx(-30)
    # In the part it is the last candle of, and at no other time.
    assert trace.x[np.argmin(trace.y)] == account.equity.at[np.argmin(values)]


@pytest.mark.parametrize("length", [1, 2, MOST_POINTS - 1, MOST_POINTS])
def test_a_short_curve_keeps_every_point(length: int) -> None:
    assert last_of_each(length).tolist() == list(range(length))


@pytest.mark.parametrize("length", [MOST_POINTS + 1, 3 * MOST_POINTS, 105_120])
def test_a_long_curve_keeps_its_end_and_as_many_points_as_are_seen(length: int) -> None:
    picked = last_of_each(length)
    assert len(picked) == MOST_POINTS
    assert picked[-1] == length - 1
    assert (np.diff(picked) > 0).all()


@pytest.mark.parametrize(
    ("cut_off", "until"),
    [
        (START + timedelta(seconds=1), START + timedelta(seconds=1)),
        (START + timedelta(days=2), START + timedelta(days=2)),
        (END, END),
        (END + timedelta(days=900), END),
    ],
)
def test_what_the_model_may_know_is_shaded(
    assessment: Assessment, cut_off: Any, until: Any
) -> None:
    known = replace(assessment, cut_off=cut_off)
    trades = trades_chart(known, 0, candles_of(PAIR), no_lesson)
    for chart in (equity_chart(known), drawdown_chart(known), trades):
        (area,) = drawn(chart).layout.shapes
        assert (area.x0, area.x1) == (milliseconds(START), milliseconds(until))
        (said,) = drawn(chart).layout.annotations
        assert said.text == "known to the model"


@pytest.mark.parametrize("cut_off", [None, START - timedelta(days=1), START])
def test_nothing_is_shaded_where_the_model_knows_nothing(
    assessment: Assessment, cut_off: Any
) -> None:
    chart = equity_chart(replace(assessment, cut_off=cut_off))
    assert drawn(chart).layout.shapes == ()


def test_a_pair_shows_the_candles_of_the_run_and_no_others(assessment: Assessment) -> None:
    candles = traces(trades_chart(assessment, 0, candles_of(PAIR), no_lesson))["candles"]
    assert candles.x[0] == milliseconds(START)
    assert candles.x[-1] == milliseconds(END) - 1_800_000
    assert len(candles.x) == len(candles.open) == len(candles.close) == 4 * 48


def test_a_pair_without_candles_in_the_run_has_no_chart(assessment: Assessment) -> None:
    earlier = waving(48, START - timedelta(days=1))
    assert trades_chart(assessment, 0, earlier, no_lesson) is None


def test_entries_and_exits_stand_where_and_when_they_were(assessment: Assessment) -> None:
    chart = trades_chart(assessment, 1, candles_of("ETH"), no_lesson)
    trade = some_trades()[1]
    way, ends = drawn(chart).data[1:]
    times = [milliseconds(trade.opened_at), milliseconds(trade.closed_at)]
    assert list(way.x) == [*times, None]
    assert list(way.y) == [trade.open_rate, trade.close_rate, None]
    assert list(ends.x) == times
    assert list(ends.y) == [trade.open_rate, trade.close_rate]
    assert list(ends.marker.symbol) == ["triangle-down", "square"]
    assert (way.name, ends.name, way.line.dash) == ("lost", "lost", "dot")


def test_wins_and_losses_of_a_pair_are_told_apart(tmp_path: Path) -> None:
    trades = (*some_trades(), a_closed_trade(trade_id=4, profit_abs=0.0))
    chart = trades_chart(
        an_assessment(an_outcome(tmp_path, trades=trades)), 0, candles_of(PAIR), no_lesson
    )
    assert chart is not None
    assert chart.title == "BTC/USDT:USDT: 3 trades"
    _, won, won_ends, lost, lost_ends = drawn(chart).data
    assert (won.name, lost.name) == ("won", "lost")
    assert (len(won_ends.x), len(lost_ends.x)) == (4, 2)
    assert set(won_ends.marker.symbol) == {"triangle-up", "square"}
    assert won.line.color != lost.line.color


def test_a_pair_that_was_never_traded_shows_its_candles(tmp_path: Path) -> None:
    quiet = an_assessment(an_outcome(tmp_path, trades=()))
    assert traces(trades_chart(quiet, 0, candles_of(PAIR), no_lesson)).keys() == {"candles"}


def test_an_entry_tells_why_and_an_exit_what_came_of_it(assessment: Assessment) -> None:
    chart = trades_chart(assessment, 1, candles_of("ETH"), lambda _trade: "wait for the close")
    entry, left = drawn(chart).data[-1].hovertext
    assert entry.split("<br>") == [
        "Short 3x, 100.00 USDT at 100.000, 2026-01-15",
        "16:00",
        "Confidence 83",
        "the trend is down",
    ]
    assert left.split("<br>") == [
        "Short closed at 102.000, 2026-01-16 09:00",
        "-4.25 USDT (-4.2 %)",
        "Exit: stop_loss",
        "Lesson: wait for the close",
    ]


def test_an_exit_quotes_what_the_model_said(tmp_path: Path) -> None:
    said = a_closed_trade(exit_reflection="<b>sold</b> at resistance", thesis=None)
    assessment = an_assessment(an_outcome(tmp_path, trades=(said,)))
    chart = trades_chart(assessment, 0, candles_of(PAIR), no_lesson)
    entry, left = drawn(chart).data[-1].hovertext
    assert entry.endswith("No reason is recorded.")
    assert left.endswith("<br>Said: &lt;b&gt;sold&lt;/b&gt; at resistance")


def test_a_reason_of_ten_megabytes_is_cut(tmp_path: Path) -> None:
    trade = a_closed_trade(thesis=a_thesis(reason="because " * 1_250_000))
    assessment = an_assessment(an_outcome(tmp_path, trades=(trade,)))
    chart = trades_chart(assessment, 0, candles_of(PAIR), no_lesson)
    entry, _ = drawn(chart).data[-1].hovertext
    assert len(entry) < 700
    assert entry.endswith("…")


@pytest.mark.parametrize("rows", [1, MOST_CANDLES - 1, MOST_CANDLES])
def test_as_many_candles_as_are_seen_stay_as_they_are(rows: int) -> None:
    candles = waving(rows, NOON)
    assert coarsened(candles) is candles


@pytest.mark.parametrize("rows", [MOST_CANDLES + 1, 3 * MOST_CANDLES + 7])
def test_more_candles_are_joined_without_losing_an_extreme(rows: int) -> None:
    candles = waving(rows, NOON)
    candles.high[rows - 1], candles.low[rows // 2] = 500.0, 1.0
    joined = coarsened(candles)
    assert MOST_CANDLES // 2 < len(joined) <= MOST_CANDLES
    assert (joined.high.max(), joined.low.min()) == (500.0, 1.0)
    assert (joined.open[0], joined.close[-1]) == (candles.open[0], candles.close[-1])
    assert joined.open_times[0] == candles.open_times[0]
    assert joined.volume.sum() == candles.volume.sum()
    # Each opens where the one before it closed, as the candles it is made of do.
    assert (joined.open[1:] == joined.close[:-1]).all()


def test_confidence_stands_against_results_with_its_interval(tmp_path: Path) -> None:
    write_journals(tmp_path, some_trades())
    reliability = read(an_outcome(tmp_path)).reliability
    diagonal, dots = drawn(calibration_chart(reliability)).data
    assert list(diagonal.x) == list(diagonal.y) == [0, 100]
    assert list(dots.x) == pytest.approx([70, 83])
    assert list(dots.y) == [100, 0]
    # Wilson's interval of 2 of 2 is 34 % to 100 %, of 0 of 1 it is 0 % to 79 %.
    assert list(dots.error_y.array) == pytest.approx([0, 79.3], abs=0.1)
    assert list(dots.error_y.arrayminus) == pytest.approx([65.8, 0], abs=0.1)
    assert dots.marker.size[0] > dots.marker.size[1] > 8
    assert list(dots.hovertext) == ["70-79: 2 of 2 trades won", "80-89: 0 of 1 trades won"]
    assert calibration(reliability).rows == (
        ("70-79", "2", "70 %", "100 %", "34 % to 100 %"),
        ("80-89", "1", "83 %", "0 %", "0 % to 79 %"),
        ("all", "3", "74 %", "67 %", "21 % to 94 %"),
    )


def test_without_a_trade_there_is_no_calibration() -> None:
    assert calibration_chart(Calibration().reliability()) is None


def test_a_bar_per_check_says_what_it_saved_or_cost() -> None:
    checks = effects(
        (
            a_refused_entry("SAVED", profit=-40.0),
            a_refused_entry("COST", profit=12.5),
            a_refused_entry("UNKNOWN"),
        )
    )
    (bars,) = drawn(refusals_chart(checks, "USDT")).data
    assert dict(zip(bars.y, bars.x, strict=True)) == {"COST": 12.5, "SAVED": -40.0}
    assert len(set(bars.marker.color)) == 2
    assert list(bars.hovertext) == [
        "COST: +12.50 USDT of 1 entries",
        "SAVED: -40.00 USDT of 1 entries",
    ]


def test_refusals_of_unknown_worth_are_not_drawn() -> None:
    assert refusals_chart(effects((a_refused_entry("STAKE"),)), "USDT") is None


def test_costs_add_up() -> None:
    hours = [(NOON + timedelta(hours=number), 0.25) for number in range(4)]
    (line,) = drawn(cost_chart(hours)).data
    assert list(line.y) == [0.25, 0.5, 0.75, 1.0]
    assert line.x[-1] == milliseconds(NOON + timedelta(hours=3))


@pytest.mark.parametrize("costs", [(), ((NOON, 0.0), (NOON, 0.0))])
def test_what_is_free_is_not_drawn(costs: Any) -> None:
    assert cost_chart(costs) is None


def test_a_chart_as_json_holds_no_bracket_that_could_end_its_element(
    assessment: Assessment,
) -> None:
    chart = equity_chart(replace(assessment, model="</script><!--"))
    assert chart is not None
    # Whatever plotly does with brackets itself.
    raw = replace(chart, figure=Raw('{"name": "</script><!--"}'))
    assert "<" not in chart.json + raw.json
    assert json.loads(raw.json) == {"name": "</script><!--"}
    assert json.loads(chart.json)["data"][-1]["name"] == "&lt;/script&gt;&lt;!--"
