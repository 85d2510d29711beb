"""A whole assessment of a run of a day, and what a cut-off divides."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from assessing import DAY, HALF_HOUR, MIDNIGHT, a_curve, an_outcome, trades_of
from backtests import PAIRS, backtest_config, played
from builders import a_decision_record
from llm_modules.backtest.assess import AssessOptions, assess, stretches_of
from llm_modules.backtest.assessment import Assessment
from llm_modules.backtest.baselines.stage import exchange_of

NAMES = ["always wait", "hold", "scripted rules", "model without gate"]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    return backtest_config(tmp_path_factory.mktemp("run"), "20260110-20260111", PAIRS[:2])


@pytest.fixture(scope="module")
def told() -> list[tuple[str, int, int]]:
    return []


@pytest.fixture(scope="module")
def assessed(config: dict[str, object], told: list[tuple[str, int, int]]) -> Assessment:
    outcome = played(config)
    options = AssessOptions(random_seeds=2, names={"A": "BTC"})
    return assess(config, outcome, options, lambda *step: told.append(step))


def test_every_baseline_is_in_the_assessment(assessed: Assessment) -> None:
    assert [one.name for one in assessed.baselines] == NAMES
    assert all(one.description for one in assessed.baselines)
    assert assessed.random is not None
    assert len(assessed.random.returns) == 2
    assert assessed.names == {"A": "BTC"}
    assert assessed.model == "scripted-policy"


def test_the_run_is_judged_as_a_whole_while_no_cut_off_is_known(assessed: Assessment) -> None:
    assert assessed.stretches == (assessed.headline,)
    assert assessed.headline.name == "whole"
    assert assessed.headline.statistics.days == 1.0
    assert assessed.headline.statistics.trades == len(assessed.outcome.trades)
    gain = assessed.outcome.final_balance / assessed.outcome.starting_balance - 1
    assert assessed.headline.statistics.figures["return_ratio"].value == pytest.approx(gain)
    assert "may remember" in assessed.remarks[0]


def test_the_rules_play_as_the_run_of_the_same_policy_did(assessed: Assessment) -> None:
    wait, hold, rules, _ = assessed.baselines
    # The policy has no past to learn from: with or without it, it does the same.
    assert rules.outcome is not None
    assert rules.outcome.final_balance == assessed.outcome.final_balance
    assert rules.statistics == assessed.headline.statistics
    assert wait.statistics.figures["return_ratio"].value == 0
    assert hold.statistics.trades == 2


def test_all_curves_are_of_the_same_candles(assessed: Assessment) -> None:
    for one in assessed.baselines:
        assert (one.equity.at == assessed.equity.at).all()
        assert one.equity.values[0] == assessed.equity.values[0]


def test_refused_entries_are_told_with_what_they_would_have_earned(assessed: Assessment) -> None:
    assert assessed.refused
    assert all(one.codes for one in assessed.refused)
    assert any(one.profit_abs is not None for one in assessed.refused)
    assert sum(one.refused for one in assessed.checks) == sum(
        len(set(one.codes)) for one in assessed.refused
    )


def test_progress_is_told_candle_by_candle_and_seed_by_seed(
    assessed: Assessment, told: list[tuple[str, int, int]]
) -> None:
    assert assessed.random is not None
    assert list(dict.fromkeys(name for name, _, _ in told)) == [*NAMES, "random"]
    assert [step for step in told if step[0] == "random"] == [("random", 1, 2), ("random", 2, 2)]
    assert all(done <= of for _, done, of in told)


def test_the_journals_of_the_run_are_still_there(assessed: Assessment) -> None:
    assert (assessed.outcome.folder / "llm_decisions.jsonl").stat().st_size > 0
    aside = {one.outcome.folder for one in assessed.baselines if one.outcome}
    assert {folder.parent for folder in aside} == {assessed.outcome.folder / "baselines"}


def test_the_same_run_is_assessed_the_same(config: dict[str, object], assessed: Assessment) -> None:
    options = AssessOptions(random_seeds=2, exchange=exchange_of(config))
    again = assess(config, assessed.outcome, options)
    assert again.random is not None
    assert assessed.random is not None
    assert again.random.returns == assessed.random.returns
    assert again.headline == assessed.headline
    assert [one.statistics for one in again.baselines] == [
        one.statistics for one in assessed.baselines
    ]


# Without playing anything


def recorded(folder: Path, *costs: float | None, **outcome: object) -> tuple[object, object]:
    """A run whose decisions, one an hour, took so much."""
    lines = [
        a_decision_record(
            decision_id=f"d-{hour}", at=MIDNIGHT + timedelta(hours=hour), cost=cost, model="m-1"
        )
        for hour, cost in enumerate(costs)
    ]
    path = folder / "llm_decisions.jsonl"
    path.write_bytes(
        b"".join(line.model_dump_json(by_alias=True).encode() + b"\n" for line in lines)
    )
    config = {"llm_config": {"model": "configured"}}
    return config, an_outcome(**{"folder": folder, **outcome})


QUICK = AssessOptions(baselines=False)


def test_figures_are_net_of_what_the_model_cost(tmp_path: Path) -> None:
    config, outcome = recorded(tmp_path, 10.0, 5.0, None, cost=15.0)
    found = assess(config, outcome, QUICK)  # type: ignore[arg-type]
    assert found.equity.values[0] == 990.0
    assert found.equity.values[-1] == 985.0
    assert found.headline.statistics.figures["return_ratio"].value == pytest.approx(985 / 990 - 1)


def test_without_baselines_nothing_is_played(tmp_path: Path) -> None:
    config, outcome = recorded(tmp_path, 0.0)
    found = assess(config, outcome, QUICK)  # type: ignore[arg-type]
    assert found.baselines == ()
    assert found.random is None
    assert found.refused == found.checks == ()


def test_the_model_is_who_answered_or_who_is_configured(tmp_path: Path) -> None:
    config, outcome = recorded(tmp_path, 0.0)
    assert assess(config, outcome, QUICK).model == "m-1"  # type: ignore[arg-type]
    config, outcome = recorded(tmp_path)
    assert assess(config, outcome, QUICK).model == "configured"  # type: ignore[arg-type]


def test_shards_are_assessed_with_a_remark(tmp_path: Path) -> None:
    config, outcome = recorded(tmp_path, 0.0)
    found = assess(config, outcome, replace(QUICK, shards=4))  # type: ignore[arg-type]
    assert found.shards == 4
    assert "4 shards" in found.remarks[0]
    assert found.headline.statistics.days == 2.0


@pytest.mark.parametrize(
    ("days", "names"),
    [(-1, ["after"]), (0, ["after"]), (1, ["before", "after"]), (2, ["before"]), (9, ["before"])],
)
def test_a_run_is_divided_where_the_models_knowledge_ends(days: int, names: list[str]) -> None:
    outcome = an_outcome(trades_of(*range(40)))
    stretches = stretches_of(outcome, outcome.equity, MIDNIGHT + days * DAY)
    assert [one.name for one in stretches] == names
    assert stretches[0].start == outcome.start
    assert stretches[-1].end == outcome.end
    assert sum(one.statistics.trades for one in stretches) == 40


def test_what_lies_after_the_cut_off_is_the_headline(tmp_path: Path) -> None:
    values = [1000.0] * 48 + [1100.0] * 48
    curve = a_curve(values, HALF_HOUR, MIDNIGHT + HALF_HOUR)
    config, outcome = recorded(tmp_path, 0.0, equity=curve)
    cut_off = MIDNIGHT + DAY
    found = assess(config, outcome, replace(QUICK, cut_off=cut_off))  # type: ignore[arg-type]
    before, after = found.stretches
    assert found.headline is after
    assert found.cut_off == before.end == after.start == cut_off
    assert before.statistics.figures["return_ratio"].value == 0
    assert after.statistics.figures["return_ratio"].value == pytest.approx(0.1)
    assert before.statistics.days == after.statistics.days == 1.0


def test_when_nothing_lies_after_the_cut_off_that_is_remarked(tmp_path: Path) -> None:
    config, outcome = recorded(tmp_path, 0.0)
    late = replace(QUICK, cut_off=MIDNIGHT + 30 * DAY)
    found = assess(config, outcome, late)  # type: ignore[arg-type]
    assert found.headline.name == "before"
    assert "Nothing lies after" in found.remarks[0]
