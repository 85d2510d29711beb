"""Rows and sentences that tell how a run was made, and what was refused in it."""

from datetime import timedelta
from pathlib import Path

import pytest

from backtest_report_scenes import (
    a_refused_entry,
    a_stretch,
    an_assessment,
    an_outcome,
    candles_of,
    write_journals,
)
from llm_modules.backtest.assessment import Assessment
from llm_modules.backtest.report.journals import read
from llm_modules.backtest.report.measures import told
from llm_modules.backtest.report.refusals import HEADINGS, refusals, refused
from llm_modules.backtest.report.sections import Section, sections
from llm_modules.backtest.report.terminal import show
from llm_modules.operations.screen import Screen

MADE = (("wallet", "10,000.00 USDT"), ("masked", "no"))
LATER = timedelta(days=365)


def section(assessment: Assessment, name: str) -> Section:
    found = sections(assessment, read(assessment.outcome), candles_of)
    return next(one for one in found if one.name == name)


def test_the_page_tells_how_the_run_was_made(tmp_path: Path) -> None:
    made, counted = section(an_assessment(an_outcome(tmp_path), settings=MADE), "record").grids
    assert made.rows == MADE
    assert counted.rows[0] == ("decisions", "384")


def test_where_nobody_knows_how_there_is_no_table(tmp_path: Path) -> None:
    assert len(section(an_assessment(an_outcome(tmp_path)), "record").grids) == 1


def test_a_masked_headline_tells_the_real_dates_too() -> None:
    assert ", 2026-01-15 to 2026-01-19 (in truth 2027-01-15 to 2027-01-19), " in told(
        a_stretch(), LATER
    )
    assert "in truth" not in told(a_stretch())


def test_page_and_terminal_tell_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    masked = an_assessment(an_outcome(tmp_path), shift=LATER)
    assert "in truth 2027-01-15" in section(masked, "figures").sentences[0]
    show(masked, Screen())
    assert "in truth 2027-01-15" in capsys.readouterr().out


def test_what_would_have_been_earned_is_left_out_where_it_is_unknown(tmp_path: Path) -> None:
    known = an_assessment(an_outcome(tmp_path))
    unknown = an_assessment(an_outcome(tmp_path), refused=(a_refused_entry("STAKE"),))
    assert refusals(known).headings == HEADINGS
    assert refusals(unknown).headings == ("check", "entries refused")
    assert refusals(unknown).rows == (("STAKE", "1"), ("all entries", "1"))
    assert len(section(known, "refusals").sentences) == 2
    assert len(section(unknown, "refusals").sentences) == 1


def test_refused_decisions_and_refused_entries_are_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_journals(tmp_path)
    assessment = an_assessment(an_outcome(tmp_path))
    journals = read(assessment.outcome)
    whole = journals.statuses["refused"]
    said = refused(assessment, journals)
    assert said == f"Refused: {whole} decisions, 3 of them entries (once per failed check)."
    show(assessment, Screen())
    assert said in capsys.readouterr().out
