"""The page in a real browser, where there is one: nothing fails, nothing is fetched or obeyed."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from backtest_report_scenes import (
    a_contender,
    a_refused_entry,
    an_assessment,
    an_outcome,
    candles_of,
    some_trades,
    write_journals,
)
from builders import a_thesis
from llm_modules.backtest.assessment import Assessment
from llm_modules.backtest.refusals import effects
from llm_modules.backtest.report.page import write_page
from page_browsing import BROWSER, NO_BROWSER, OWNED, Listener, Safe, Visit, browsed

pytestmark = pytest.mark.skipif(BROWSER is None, reason=NO_BROWSER)
CHARTS = {"equity", "drawdown", "trades-0", "trades-1", "calibration", "refusals", "cost"}


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    listening = Listener()
    yield listening
    listening.close()


def visited(assessment: Assessment, folder: Path, *flags: str) -> Visit:
    path = folder / "page.html"
    write_page(assessment, path, candles_of)
    return browsed(path, *flags)


def test_every_chart_is_drawn_without_an_error_or_a_request(tmp_path: Path) -> None:
    write_journals(tmp_path / "run", some_trades())
    visit = visited(an_assessment(an_outcome(tmp_path / "run")), tmp_path)
    assert set(visit.found["drawn"]) == CHARTS
    assert min(visit.found["widths"]) > 300
    assert (visit.found["errors"], visit.found["violations"], visit.console) == ([], [], ())
    assert visit.found["requests"] == []
    # Those of the second pair, which are drawn when they are unfolded.
    assert visit.found["folded"] == 1
    assert visit.found["papers"] == ["#ffffff"]
    assert visit.found["title"] == "Backtest of test-model"
    assert len(visit.found["hovers"]) == 6
    assert visit.found["hovers"][0].endswith("Confidence 70 the trend is up")
    assert visit.found["hovers"][1].endswith("Lesson: lesson of trade 1")


@pytest.fixture(scope="module")
def dark(tmp_path_factory: pytest.TempPathFactory, listener: Listener) -> Visit:
    """A dark page, into which one text came that was not escaped."""
    folder = tmp_path_factory.mktemp("dark")
    assessment = an_assessment(an_outcome(folder / "run"), remarks=("HERE",))
    tag = f'<img src="{listener.url}/image" onerror="{OWNED}">'
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("llm_modules.backtest.report.page.plain", lambda text, _longest: Safe(tag))
        return visited(assessment, folder, "--blink-settings=preferredColorScheme=0")


def test_no_button_sends_a_chart_anywhere_and_a_dark_page_has_dark_charts(dark: Visit) -> None:
    assert dark.found["papers"] == ["#14181d"]
    assert dark.found["buttons"] == ["Zoom", "Pan", "Reset axes", "Download plot as a PNG"]


def test_this_probe_would_notice(dark: Visit, listener: Listener) -> None:
    assert dark.found["violations"]
    assert dark.found["tags"] == 1
    assert listener.hits == []


def test_hostile_texts_are_shown_and_nothing_of_them_is_obeyed(
    tmp_path: Path, listener: Listener
) -> None:
    visit = visited(hostile(tmp_path / "run", listener.url), tmp_path)
    found = visit.found
    assert (found["errors"], found["violations"], visit.console) == ([], [], ())
    assert (found["requests"], listener.hits) == ([], [])
    assert (found["links"], found["tags"]) == (0, 0)
    assert found["title"].startswith("Backtest of </title><script>")
    assert set(found["drawn"]) == CHARTS
    script, image, link, *_ = (hover for hover in found["hovers"] if "Confidence" in hover)
    assert "</script><script>document.title" in script
    assert "onerror=" in image
    assert "<a href=" in link


def hostile(folder: Path, url: str) -> Assessment:
    """A run whose model, currency, checks, reasons and lessons all try to be more than text."""
    texts = (
        f"</script><script>{OWNED}</script><!--",
        f'<img src="{url}/image" onerror="{OWNED}"><svg onload="{OWNED}">',
        f'<a href="javascript:{OWNED}">x</a><a href="{url}/link">y</a><b>z</b><br>%{{x}} $\\sum$',
        "\u202eright to left\u2066 \u05e9\u05dc\u05d5\u05dd \x1b[31m \ud800 &lt;b&gt; \u2028",
        "ten megabytes " * 700_000,
    )
    trade, *_ = some_trades()
    trades = tuple(
        replace(
            trade,
            trade_id=number,
            thesis=a_thesis(reason=text),
            exit_reason=text,
            exit_reflection=text,
        )
        for number, text in enumerate(texts)
    )
    write_journals(folder, some_trades())
    name = f"</title><script>{OWNED}</script>"
    refused = (a_refused_entry(texts[0], profit=1.0), a_refused_entry(texts[1], profit=-1.0))
    return an_assessment(
        an_outcome(folder, trades=trades, stake_currency=texts[1]),
        model=name,
        baselines=(a_contender(texts[2], 10_000, description=texts[1]),),
        refused=refused,
        checks=effects(refused),
        names={texts[0]: texts[1]},
        remarks=texts,
    )


def test_a_page_without_charts_is_quiet_too(tmp_path: Path) -> None:
    outcome = an_outcome(tmp_path / "gone", trades=(), cost=None, pairs=())
    bare = an_assessment(outcome, baselines=(), random=None, refused=())
    visit = visited(bare, tmp_path)
    assert set(visit.found["drawn"]) == {"equity", "drawdown"}
    assert (visit.found["errors"], visit.found["violations"], visit.console) == ([], [], ())
