"""What a reader learns of a run beside its figures."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from assessing import a_stretch
from assessing import an_outcome as a_run
from backtest_report_scenes import a_contender, an_assessment, an_outcome
from llm_modules.backtest.assessment import Assessment
from llm_modules.backtest.candle_files import Missing, Prepared
from llm_modules.backtest.command import proving
from llm_modules.backtest.command.afterwards import _told
from llm_modules.backtest.command.candles import Found, _named
from llm_modules.backtest.command.estimate import Estimate, Habit, Size, table_of
from llm_modules.backtest.command.options import BacktestOptions, LookaheadOptions, parser
from llm_modules.backtest.command.world import World
from llm_modules.backtest.remarks import NO_CUT_OFF, SCRIPTED, SIMULATED, remarks_on
from llm_modules.operations.session import Session

DAY = datetime(2026, 1, 10, tzinfo=UTC)
RULES = "scripted rules"


def told(tmp_path: Path, *, is_sandbox: bool, shift: int = 0, **options: Any) -> Assessment:
    judged = an_assessment(
        an_outcome(tmp_path),
        remarks=(NO_CUT_OFF, "few trades"),
        baselines=(a_contender("hold", 1.0), a_contender(RULES, 1.0)),
    )
    plan: Any = SimpleNamespace(
        options=BacktestOptions(**options),
        basis=SimpleNamespace(is_sandbox=is_sandbox),
        shards=(None,),
    )
    names = {"AAA/USDT:USDT": "BTC/USDT:USDT"} if shift else {}
    return _told(judged, plan, World({}, None, names, timedelta(days=shift)))


def test_that_it_is_simulated_is_said_before_all_else(tmp_path: Path) -> None:
    found = told(tmp_path, is_sandbox=False)
    assert found.remarks == (SIMULATED, NO_CUT_OFF, "few trades")
    assert [one.name for one in found.baselines] == ["hold", RULES]


def test_a_script_remembers_no_prices_and_is_no_rival_of_itself(tmp_path: Path) -> None:
    found = told(tmp_path, is_sandbox=True)
    assert found.remarks == (f"{SIMULATED} {SCRIPTED}", "few trades")
    assert [one.name for one in found.baselines] == ["hold"]


def test_a_masked_run_keeps_its_legend_and_its_real_dates(tmp_path: Path) -> None:
    found = told(tmp_path, is_sandbox=True, shift=400, mask=True)
    assert found.remarks[1].startswith("Masked: AAA/USDT:USDT is BTC/USDT:USDT")
    assert found.shift == timedelta(days=400)
    assert dict(found.settings)["masked"] == "yes"


def test_how_it_was_made_is_told(tmp_path: Path) -> None:
    made = dict(told(tmp_path, is_sandbox=True).settings)
    assert made.pop("Freqtrade")
    assert made == {
        "wallet": "10,000.00 USDT",
        "timeframe": "30m",
        "experience": "on",
        "masked": "no",
        "shards": "1",
        "random seeds": "200",
    }
    other = dict(told(tmp_path, is_sandbox=True, experience=False, baselines=False).settings)
    assert (other["experience"], other["random seeds"]) == ("off", "no baselines")


def test_what_candles_there_are_is_told_where_any_are() -> None:
    missing = Missing("P", "30m", DAY, DAY + timedelta(days=1))
    found = Found(Prepared(None, None, (missing,), ()), DAY, DAY + timedelta(hours=5))
    text = _named(found, is_sandbox=True)
    assert "Candles of all pairs open from 2026-01-10 00:00 to 2026-01-10 05:00." in text
    assert "--sandbox" not in text
    none = _named(replace(found, first=None, last=None), is_sandbox=False)
    assert "open from" not in none
    assert none.endswith("download them where the internet allows, or choose --sandbox")


@pytest.mark.parametrize(("pairs", "words"), [(1, "1 pair x 48"), (2, "2 pairs x 48")])
def test_the_estimate_counts_as_people_do(pairs: int, words: str) -> None:
    habit = Habit(100.0, 2.0, "measured")
    console = Console(width=120)
    with console.capture() as captured:
        console.print(table_of(Estimate(Size(pairs, 48), 0, 10, habit, 0.0), "m"))
    assert words in captured.get()
    # Nobody is asked, which takes no time.
    assert "time" not in captured.get()


@pytest.mark.parametrize(
    ("holds", "last"), [(True, "All four hold."), (False, "Look-ahead was found.")]
)
def test_the_proof_has_a_heading_and_an_end(
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    holds: bool,
    last: str,
) -> None:
    monkeypatch.setattr(proving, "window_of", lambda *_: None)
    monkeypatch.setattr(proving, "only", lambda *_: holds)
    proving.lookahead(session, LookaheadOptions())
    first, *_, end = capsys.readouterr().out.splitlines()
    assert first.startswith("SIMULATED: recorded candles, and a rule-based script")
    assert end == last


def test_every_option_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("backtest", "lookahead"):
        with pytest.raises(SystemExit):
            parser().parse_args([command, "--help"])
        options = parser()._subparsers._group_actions[0].choices[command]._actions  # type: ignore[union-attr,index]
        assert all(len(one.help.split()) >= 3 for one in options)
        assert len(capsys.readouterr().out) > 500


@pytest.mark.parametrize(("days", "few"), [(1.9, False), (2.0, True), (29.9, True), (30.0, False)])
def test_ratios_of_a_few_days_are_said_to_tell_little(days: float, few: bool) -> None:
    found = remarks_on(a_run(), a_stretch(days=days), None, 1, None)
    assert any("they say little" in one for one in found) is few
