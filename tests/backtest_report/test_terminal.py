import re
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text

from backtest_report_scenes import (
    a_contender,
    a_refused_entry,
    a_stretch,
    an_assessment,
    an_outcome,
    some_trades,
    write_journals,
)
from llm_modules.backtest.assessment import Assessment
from llm_modules.backtest.refusals import effects
from llm_modules.backtest.report.terminal import Screen, show
from llm_modules.operations import screen as operations

ESCAPE = "\x1b"


class Shown:
    """A terminal of eighty columns with colours, whose output is kept."""

    def __init__(self) -> None:
        self.out = StringIO()
        self.console = Console(file=self.out, width=80, force_terminal=True, color_system="256")

    def say(self, text: str | Text) -> None:
        self.console.print(text, markup=False)

    def table(self, table: Table) -> None:
        self.console.print(table)


@pytest.fixture
def assessment(tmp_path: Path) -> Assessment:
    write_journals(tmp_path, some_trades())
    return an_assessment(an_outcome(tmp_path))


@pytest.fixture
def output(assessment: Assessment, capsys: pytest.CaptureFixture[str]) -> str:
    return shown(assessment, capsys)


def shown(assessment: Assessment, capsys: pytest.CaptureFixture[str]) -> str:
    screen: Screen = operations.Screen()
    show(assessment, screen)
    return capsys.readouterr().out


def test_remarks_come_before_any_figure(output: str) -> None:
    lines = output.splitlines()
    assert lines[0] == "The exchange is simulated."
    assert lines[1] == (
        "test-model. The whole run, 2026-01-15 to 2026-01-19, 3 closed trades: "
        "return +3.2 % [-4.1, +9.8]."
    )


def test_the_result_is_in_the_terminal(output: str) -> None:
    lines = [" ".join(line.split()) for line in output.splitlines()]
    for line in (
        "return +3.2 % [-4.1, +9.8]",
        "test-model (the model) +3.2 % [-4.1, +9.8] +1.23 4.6 % 3",
        "hold +1.2 % [-2.0, +3.0] +0.50 4.6 % 3",
        "The model's return is above that of 80 % of 5 traders who traded as much at random.",
        "LEVERAGE 3 2 -27.50 USDT",
        "in all 1.50 USD",
        "entries without a free slot 7",
    ):
        assert line in lines


def test_where_the_files_are_is_said_last(assessment: Assessment, output: str) -> None:
    folder = assessment.outcome.folder
    assert output.splitlines()[-2:] == [
        f"Journals: {folder}",
        f"Freqtrade's result: {folder / 'backtest-result.zip'}",
    ]


def test_without_a_result_file_none_is_named(
    assessment: Assessment, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = replace(assessment.outcome, result_file=None)
    assert "Freqtrade's result" not in shown(replace(assessment, outcome=outcome), capsys)


def test_what_is_no_terminal_gets_no_colour(output: str) -> None:
    assert ESCAPE not in output


def test_a_terminal_gets_colour(assessment: Assessment) -> None:
    screen = Shown()
    show(assessment, screen)
    assert f"{ESCAPE}[" in screen.out.getvalue()


def test_brackets_are_shown_by_a_terminal_that_knows_markup(assessment: Assessment) -> None:
    screen = Shown()
    show(replace(assessment, baselines=(a_contender("[red]hold", 10_000),)), screen)
    assert "[red]hold" in screen.out.getvalue()


def test_tables_fit_eighty_columns_and_keep_their_figures(
    assessment: Assessment,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {"COLUMNS": "80", "FORCE_COLOR": "1", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    wide = replace(
        assessment,
        model="a-provider/a-model-with-a-long-name:and-a-variant-2026-01-31",
        baselines=(a_contender("a baseline with a rather long name", 10_120),),
        checks=effects((a_refused_entry("A_CHECK_WITH_A_LONG_NAME", profit=-12_345.678),)),
        remarks=(),
    )
    output = re.sub(f"{ESCAPE}[^m]*m", "", shown(wide, capsys))
    tables = output[output.index("\n\n") : output.index("Journals:")]
    sentence = "The model's return is above that of 80 %"
    lines = [line for line in tables.splitlines() if not line.startswith(sentence)]
    assert max(map(len, lines)) <= 80
    assert "…" not in tables
    assert "+3.2 % [-4.1, +9.8]" in tables


def test_the_other_stretches_have_a_line_each(
    assessment: Assessment, capsys: pytest.CaptureFixture[str]
) -> None:
    after, before = a_stretch(name="after"), a_stretch(name="before")
    split = replace(assessment, headline=after, stretches=(before, after))
    output = shown(split, capsys)
    assert "test-model. After the cut-off, " in output
    assert "\nBefore the cut-off, 2026-01-15 to 2026-01-19, 3 closed trades: return " in output


def test_a_run_of_which_nothing_else_is_known_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = an_outcome(
        tmp_path / "gone", trades=(), decided=0, asked=0, cost=None, result_file=None
    )
    bare = an_assessment(outcome, baselines=(), random=None, refused=(), remarks=())
    output = shown(bare, capsys)
    assert output.startswith("test-model. The whole run")
    assert "at random" not in output
    assert "would have earned" not in output
    assert ["in", "all", "unknown"] in [line.split() for line in output.splitlines()]


def test_unreadable_lines_are_told(
    assessment: Assessment, capsys: pytest.CaptureFixture[str]
) -> None:
    with (assessment.outcome.folder / "llm_decisions.jsonl").open("a", encoding="utf-8") as file:
        file.write("no record\n")
    told = "1 unreadable lines of the journals are not counted."
    assert told in shown(assessment, capsys).splitlines()


def test_names_command_neither_terminal_nor_rich(
    assessment: Assessment, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = replace(
        assessment,
        model=f"{ESCAPE}]0;owned\x07[bold]model[/bold]",
        baselines=(a_contender(f"{ESCAPE}[2J[red]hold", 10_000),),
        checks=effects((a_refused_entry("[link=http://evil]CODE"),)),
        remarks=(f"first{ESCAPE}[8m line\nsecond line",),
    )
    output = shown(hostile, capsys)
    assert ESCAPE not in output
    assert "first [8m line second line\n" in output
    assert "]0;owned [bold]model[/bold]." in output
    assert "[2J[red]hold" in output
    assert "[link=http://evil]CODE" in output
