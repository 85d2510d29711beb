from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from backtest_report_scenes import (
    START,
    a_contender,
    a_refused_entry,
    a_stretch,
    an_assessment,
    an_outcome,
    some_statistics,
    write_journals,
)
from llm_modules.backtest.assessment import Figure, Statistics
from llm_modules.backtest.refusals import effects
from llm_modules.backtest.report.comparing import beaten, comparison, described
from llm_modules.backtest.report.counting import costs, counts
from llm_modules.backtest.report.grid import Grid
from llm_modules.backtest.report.journals import read
from llm_modules.backtest.report.measures import (
    MEASURES,
    figures,
    stretches_of,
    told,
    worded,
)
from llm_modules.backtest.report.refusals import busiest, refusals


def cells(grid: Grid) -> dict[str, tuple[str, ...]]:
    return {row[0]: row[1:] for row in grid.rows}


def test_every_figure_stands_with_its_interval() -> None:
    assert cells(figures((a_stretch(),))) == {
        "return": ("+3.2 % [-4.1, +9.8]",),
        "Sharpe ratio": ("+1.23 [-0.50, +2.50]",),
        "Sortino ratio": ("+2.35 [-0.70, +4.50]",),
        "Calmar ratio": ("+3.46 [-0.90, +9.50]",),
        "largest drawdown": ("4.6 % [2.0, 8.0]",),
        "trades won": ("66.7 % [20.0, 95.0]",),
        "profit factor": ("1.57 [0.40, 3.50]",),
        "mean profit of a trade": ("+0.43 % [-0.10, +0.90]",),
        "closed trades": ("3",),
        "days": ("4.0",),
    }


@pytest.mark.parametrize(
    ("figure", "shown"),
    [
        (Figure(None), "-"),
        (Figure(None, 0.1, 0.2), "-"),
        (Figure(float("nan")), "-"),
        (Figure(float("inf"), 1.0, 2.0), "-"),
        (Figure(1.5), "1.50"),
        (Figure(1.5, None, 2.0), "1.50"),
        (Figure(1.5, 1.0, float("inf")), "1.50"),
        (Figure(1.5, 1.0, 2.0), "1.50 [1.00, 2.00]"),
    ],
)
def test_what_is_not_defined_is_not_written(figure: Figure, shown: str) -> None:
    assert worded(some_statistics(profit_factor=figure), "profit_factor") == shown


def test_an_interval_can_be_left_out() -> None:
    assert worded(some_statistics(), "sharpe", interval=False) == "+1.23"


def test_a_figure_that_nobody_computed_is_not_defined() -> None:
    nothing = Statistics({}, trades=0, days=0.0)
    assert {worded(nothing, metric) for metric in MEASURES} == {"-"}


def test_the_headline_stretch_comes_first_and_only_once(tmp_path: Path) -> None:
    before, after = a_stretch(name="before"), a_stretch(name="after")
    assessment = an_assessment(
        an_outcome(tmp_path), headline=after, stretches=(before, after, a_stretch())
    )
    stretches = stretches_of(assessment)
    assert [one.name for one in stretches] == ["after", "before", "whole"]
    assert figures(stretches).headings == (
        "",
        "After the cut-off",
        "Before the cut-off",
        "The whole run",
    )


def test_a_stretch_says_when_it_was_how_many_trades_and_what() -> None:
    late = a_stretch(name="after", start=START + timedelta(days=2))
    assert told(late) == (
        "After the cut-off, 2026-01-17 to 2026-01-19, 3 closed trades: return +3.2 % [-4.1, +9.8]."
    )


def test_the_model_stands_above_its_baselines_and_chance_below(tmp_path: Path) -> None:
    grid = comparison(an_assessment(an_outcome(tmp_path)))
    assert grid.rows == (
        ("test-model (the model)", "+3.2 % [-4.1, +9.8]", "+1.23", "4.6 %", "3"),
        ("hold", "+1.2 % [-2.0, +3.0]", "+0.50", "4.6 %", "3"),
        ("wait", "+0.0 % [-2.0, +3.0]", "+0.50", "4.6 %", "3"),
        ("random, the median", "+0.0 % [-4.7, +3.7]", "-", "-", "-"),
    )


def test_the_model_is_compared_over_the_stretch_that_counts(tmp_path: Path) -> None:
    late = a_stretch(statistics=some_statistics(return_ratio=Figure(-0.5)))
    rows = cells(comparison(an_assessment(an_outcome(tmp_path), headline=late)))
    assert rows["test-model (the model)"][0] == "-50.0 %"


def test_without_baselines_and_chance_the_model_stands_alone(tmp_path: Path) -> None:
    assessment = an_assessment(an_outcome(tmp_path), baselines=(), random=None)
    assert [row[0] for row in comparison(assessment).rows] == ["test-model (the model)"]


def test_the_share_of_beaten_traders_is_told(tmp_path: Path) -> None:
    random = an_assessment(an_outcome(tmp_path)).random
    assert random is not None
    said = "The model's return is above that of 80 % of 5 traders who traded as much at random."
    assert beaten(random) == said


def test_each_baseline_says_what_it_does(tmp_path: Path) -> None:
    foreign = a_contender("a\nname", 1.0, description="\x1b[2J" + "x" * 1000)
    hold, odd = described(
        an_assessment(an_outcome(tmp_path), baselines=(a_contender("hold", 1.0), foreign))
    )
    assert hold == "hold: what hold does"
    assert odd.startswith("a name: [2Jxxx")
    assert len(odd) < 420


def test_an_entry_counts_for_each_check_that_refused_it_and_once_in_all(tmp_path: Path) -> None:
    assert cells(refusals(an_assessment(an_outcome(tmp_path)))) == {
        "LEVERAGE": ("3", "2", "-27.50 USDT"),
        "STAKE": ("1", "1", "+12.50 USDT"),
        "all entries": ("3", "2", "-27.50 USDT"),
    }


def test_the_busiest_check_is_first_then_by_name() -> None:
    checks = effects([a_refused_entry(code) for code in ("B", "A", "C", "C")])
    assert [one.code for one in busiest(checks)] == ["C", "A", "B"]


def test_where_no_profit_is_known_none_is_claimed(tmp_path: Path) -> None:
    unknown = an_assessment(an_outcome(tmp_path), refused=(a_refused_entry("STAKE"),))
    rows = cells(refusals(unknown))
    assert rows["STAKE"] == rows["all entries"] == ("1",)


def test_breaking_even_is_known(tmp_path: Path) -> None:
    even = an_assessment(an_outcome(tmp_path), refused=(a_refused_entry("STAKE", profit=0.0),))
    assert cells(refusals(even))["all entries"] == ("1", "1", "+0.00 USDT")


def test_decisions_are_counted_by_what_became_of_them(tmp_path: Path) -> None:
    write_journals(tmp_path)
    outcome = an_outcome(tmp_path)
    assert cells(counts(outcome, read(outcome))) == {
        "decisions": ("384",),
        "questions to the model": ("300",),
        "approved as called": ("2",),
        "approved within limits": ("1",),
        "refused by the gate": ("1",),
        "failed, no usable answer": ("1",),
        "skipped, not asked": ("1",),
        "entries without a free slot": ("7",),
        "closed trades": ("3",),
    }


def test_the_cost_is_told_in_all_and_by_what_it_bought(tmp_path: Path) -> None:
    assert cells(costs(an_outcome(tmp_path))) == {
        "in all": ("1.50 USD",),
        "per decision": ("0.0039 USD",),
        "per question": ("0.0050 USD",),
        "per closed trade": ("0.50 USD",),
        "of the starting balance": ("0.01 %",),
    }


def test_an_unknown_cost_is_not_nothing(tmp_path: Path) -> None:
    rows = cells(costs(an_outcome(tmp_path, cost=None)))
    assert rows["in all"] == rows["per closed trade"] == ("unknown",)
    assert rows["of the starting balance"] == ("-",)


def test_dollars_are_no_share_of_another_money(tmp_path: Path) -> None:
    rows = cells(costs(an_outcome(tmp_path, stake_currency="BTC")))
    assert rows["of the starting balance"] == ("-",)
    assert rows["in all"] == ("1.50 USD",)


def test_what_never_happened_has_no_cost_each(tmp_path: Path) -> None:
    rows = cells(costs(replace(an_outcome(tmp_path), trades=(), decided=0, asked=0)))
    assert rows["per decision"] == rows["per question"] == rows["per closed trade"] == ("-",)
