import base64
import hashlib
import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from plotly.offline import get_plotlyjs

from backtest_report_scenes import (
    START,
    a_contender,
    a_stretch,
    an_assessment,
    an_outcome,
    candles_of,
    some_trades,
    waving,
    write_journals,
)
from llm_modules.backtest.assessment import Assessment
from llm_modules.backtest.outcome import Equity
from llm_modules.backtest.report.comparing import comparison
from llm_modules.backtest.report.counting import costs, counts
from llm_modules.backtest.report.grid import Grid
from llm_modules.backtest.report.journals import read
from llm_modules.backtest.report.measures import figures
from llm_modules.backtest.report.page import write_page
from llm_modules.backtest.report.refusals import refusals
from llm_modules.domain import Candles
from page_reading import Page

SECTIONS = ["figures", "baselines", "trades", "calibration", "refusals", "cost", "record"]


@pytest.fixture
def assessment(tmp_path: Path) -> Assessment:
    write_journals(tmp_path / "run", some_trades())
    return an_assessment(an_outcome(tmp_path / "run"))


def written(assessment: Assessment, folder: Path) -> Page:
    path = folder / "page.html"
    write_page(assessment, path, candles_of)
    return Page(path)


@pytest.fixture
def page(assessment: Assessment, tmp_path: Path) -> Page:
    return written(assessment, tmp_path)


def rows_of(grid: Grid) -> list[tuple[str, ...]]:
    return [grid.headings, *grid.rows]


def test_every_section_is_there_in_order(page: Page) -> None:
    assert [name for name in page.texts if name] == SECTIONS


def test_every_table_holds_what_the_assessment_says(assessment: Assessment, page: Page) -> None:
    outcome, journals = assessment.outcome, read(assessment.outcome)
    assert page.tables["figures"] == rows_of(figures((assessment.headline,)))
    assert page.tables["baselines"] == rows_of(comparison(assessment))
    assert page.tables["refusals"] == rows_of(refusals(assessment))
    assert page.tables["cost"] == rows_of(costs(outcome))
    assert page.tables["record"] == rows_of(counts(outcome, journals))
    assert page.tables["calibration"][1:] == [
        ("70-79", "2", "70 %", "100 %", "34 % to 100 %"),
        ("80-89", "1", "83 %", "0 %", "0 % to 79 %"),
        ("all", "3", "74 %", "67 %", "21 % to 94 %"),
    ]


def test_remarks_come_before_any_figure(page: Page) -> None:
    assert page.source.index("The exchange is simulated.") < page.source.index("<table>")


def test_every_chart_has_its_figure(page: Page) -> None:
    assert page.charts == [
        "equity",
        "drawdown",
        "trades-0",
        "trades-1",
        "calibration",
        "refusals",
        "cost",
    ]
    assert list(page.figures) == [f"{name}-figure" for name in page.charts]
    assert all("data" in json.loads(figure) for figure in page.figures.values())


def test_of_the_pairs_the_first_is_open(page: Page) -> None:
    assert page.opened == [True, False]


def test_lessons_and_reasons_are_beside_the_pointer(page: Page) -> None:
    first = json.loads(page.figures["trades-0-figure"])["data"][-1]["hovertext"]
    assert "the trend is up" in first[0]
    assert first[1].endswith("<br>Lesson: lesson of trade 1")


def test_plotly_is_in_the_file_once_and_whole(page: Page) -> None:
    library, own = page.scripts
    assert library == get_plotlyjs()
    assert "Plotly.newPlot" in own
    assert page.source.count("plotly.js v") == 1


def test_the_page_refers_to_nothing_outside_itself(page: Page) -> None:
    assert page.links == []
    own = page.source.replace(get_plotlyjs(), "")
    assert re.findall(r"https?://|url\(|@import|//[a-z]+\.", own) == []


def test_only_the_scripts_of_the_page_may_run_and_nothing_may_load(page: Page) -> None:
    policy = dict(part.strip().split(" ", 1) for part in page.policy.split(";"))
    digests = [hashlib.sha256(script.encode()).digest() for script in page.scripts]
    hashes = [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]
    assert policy == {
        "default-src": "'none'",
        "script-src": " ".join(hashes),
        "style-src": "'unsafe-inline'",
        "img-src": "data: blob:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def test_the_same_run_makes_the_same_bytes(assessment: Assessment, tmp_path: Path) -> None:
    first, second = tmp_path / "first.html", tmp_path / "second.html"
    write_page(assessment, first, candles_of)
    write_page(assessment, second, candles_of)
    assert first.read_bytes() == second.read_bytes()


def test_an_existing_page_is_replaced(assessment: Assessment, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("x" * 10_000_000, encoding="utf-8")
    assert written(assessment, tmp_path).source.endswith("</html>")


def test_every_stretch_has_its_column(assessment: Assessment, tmp_path: Path) -> None:
    after, before = a_stretch(name="after"), a_stretch(name="before")
    split = replace(assessment, headline=after, stretches=(before, after))
    page = written(split, tmp_path)
    assert page.tables["figures"] == rows_of(figures((after, before)))


def test_a_masked_run_says_what_its_pairs_are_called(
    assessment: Assessment, page: Page, tmp_path: Path
) -> None:
    assert "masked pairs" not in page.texts[""]
    masked = replace(assessment, names={"B": "ETH/USDT:USDT", "A": "BTC/USDT:USDT"})
    legend = "The model saw masked pairs: A = BTC/USDT:USDT, B = ETH/USDT:USDT."
    assert legend in written(masked, tmp_path).texts[""]


def test_chance_and_baselines_are_explained(assessment: Assessment, page: Page) -> None:
    told = page.texts["baselines"]
    assert "The model's return is above that of 80 % of 5 traders" in told
    assert "hold: what hold does" in told
    assert "No baseline was run." not in told


def test_a_run_without_anything_says_so_in_every_section(tmp_path: Path) -> None:
    outcome = an_outcome(
        tmp_path / "gone", trades=(), decided=0, asked=0, cost=None, result_file=None, pairs=()
    )
    bare = an_assessment(
        outcome,
        baselines=(),
        random=None,
        refused=(),
        remarks=(),
        shards=4,
        equity=Equity(outcome.equity.at[:0], outcome.equity.values[:0]),
    )
    page = written(bare, tmp_path)
    assert [name for name in page.texts if name] == SECTIONS
    assert page.charts == []
    assert "<aside" not in page.source
    assert "No baseline was run." in page.texts["baselines"]
    assert "No trade was closed." in page.texts["trades"]
    assert "No closed trade has a confidence." in page.texts["calibration"]
    assert "The gate refused no entry." in page.texts["refusals"]
    assert page.tables["cost"][1] == ("in all", "unknown")


def test_candles_from_outside_the_run_make_no_chart(assessment: Assessment, tmp_path: Path) -> None:
    def earlier(_pair: str) -> Candles:
        return waving(48, START - timedelta(days=2))

    write_page(assessment, tmp_path / "page.html", earlier)
    assert not [name for name in Page(tmp_path / "page.html").charts if "trades" in name]


def test_many_trades_are_judged_by_the_calibration(
    assessment: Assessment, page: Page, tmp_path: Path
) -> None:
    assert "3 trades are too few to judge" in page.texts["calibration"]
    first, *_ = some_trades()
    many = [replace(first, trade_id=number) for number in range(20)]
    write_journals(assessment.outcome.folder, many)
    told = written(assessment, tmp_path).texts["calibration"]
    assert "The model would be told: Your confidence (n=20)" in told


def test_a_question_of_unknown_price_is_told(assessment: Assessment, tmp_path: Path) -> None:
    journal = assessment.outcome.folder / "llm_decisions.jsonl"
    lines = journal.read_text(encoding="utf-8").replace('"cost":0.3', '"cost":null', 1)
    journal.write_text(lines, encoding="utf-8")
    told = written(assessment, tmp_path).texts["cost"]
    assert "The price of 1 questions is unknown; the chart leaves them out." in told


def test_a_model_that_costs_nothing_has_no_chart(assessment: Assessment, tmp_path: Path) -> None:
    journal = assessment.outcome.folder / "llm_decisions.jsonl"
    lines = journal.read_text(encoding="utf-8").replace('"cost":0.3', '"cost":0.0')
    journal.write_text(lines, encoding="utf-8")
    page = written(assessment, tmp_path)
    assert "Nothing was to be paid." in page.texts["cost"]
    assert "cost" not in page.charts


def test_what_could_not_be_read_is_told(assessment: Assessment, page: Page, tmp_path: Path) -> None:
    assert "unreadable" not in page.texts["record"]
    with (assessment.outcome.folder / "llm_decisions.jsonl").open("a", encoding="utf-8") as file:
        file.write("no record\n")
    told = written(assessment, tmp_path).texts["record"]
    assert "1 unreadable lines of the journals are not counted." in told


def test_where_the_files_are_is_told(assessment: Assessment, page: Page) -> None:
    outcome = assessment.outcome
    assert f"Journals and results: {outcome.folder}, {outcome.result_file}." in page.texts["record"]
    assert (
        "2026-01-15 12:00 to 2026-01-19 12:00 UTC, 30m: BTC/USDT:USDT, ETH/USDT:USDT."
        in (page.texts["record"])
    )


def test_a_folder_whose_name_no_encoding_has_is_no_reason_to_fail(
    assessment: Assessment, tmp_path: Path
) -> None:
    odd = replace(assessment.outcome, result_file=Path("/a/\udcff.zip"))
    page = written(replace(assessment, outcome=odd), tmp_path)
    assert "/a/ .zip." in page.texts["record"]


def test_tags_in_any_text_stay_text(assessment: Assessment, tmp_path: Path) -> None:
    tag = "<img src=http://evil/ onerror=alert(1)></script></style>"
    hostile = replace(
        assessment,
        model=tag,
        remarks=(tag,),
        names={tag: tag},
        baselines=(a_contender(tag, 10_000, description=tag),),
    )
    page = written(hostile, tmp_path)
    assert page.links == []
    assert len(page.scripts) == 2
    assert tag in page.texts[""]
    assert page.tables["baselines"][2][0].startswith("<img src=http://evil/")
