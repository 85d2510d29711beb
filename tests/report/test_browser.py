"""The page in a real browser, where there is one, and the pictures of it in the documentation."""

import os
import re
import struct
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from builders import a_decision_record
from llm_modules.backtest.report.page import rendered
from llm_modules.report.command import gathered
from llm_modules.report.page import page_of
from llm_modules.report.reading import read
from llm_modules.report.span import Span
from page_browsing import BROWSER, NO_BROWSER, Listener, browsed, let_in, run
from report_weeks import END, START, Bot, hostile, write_lines

pytestmark = pytest.mark.skipif(BROWSER is None, reason=NO_BROWSER)
# Those in docs/: PICTURES=docs/images ./manage.sh test tests/report/test_browser.py
PICTURES = os.environ.get("PICTURES")
PICTURED = [
    ("report.png", ("account", "trades"), 1830),
    # The same once more; drawn only when it is wanted, for a browser takes seconds.
    ("report-lessons.png", ("calibration", "lessons"), 1696),
]
WIDTH = 1280
LARGEST_BYTES = 300_000
CHARTS = {"equity", "drawdown", "trades-0", "trades-1", "trades-2", "checks", "calibration"}
CHARTS |= {"patterns", "cost"}
# As a reader would who asks why the model opened a trade.
POINTING = """
addEventListener("load", () => setTimeout(() => {
  const place = document.getElementById("trades-0");
  const curve = place.data.length - 1;
  if (place.getBoundingClientRect().width) {
    Plotly.Fx.hover(place, [{ curveNumber: curve, pointNumber: 8 }]);
  }
}, 3000));
"""


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    listening = Listener()
    yield listening
    listening.close()


def a_page(bot: Bot, folder: Path, since: datetime = START) -> Path:
    session = bot.session
    facts = read(session.journals(), Span("dry_run", since, END), lambda _file, _count: None)
    path = folder / "page.html"
    path.write_text(rendered(page_of(gathered(session, facts))), encoding="utf-8")
    return path


def test_every_chart_is_drawn_without_an_error_or_a_request(bot: Bot, tmp_path: Path) -> None:
    # The probe points at every trade; of all weeks that would take a minute.
    visit = browsed(a_page(bot, tmp_path, END - timedelta(days=4)))
    found = visit.found
    assert set(found["drawn"]) == CHARTS
    assert (found["errors"], found["violations"], visit.console) == ([], [], ())
    assert found["requests"] == []
    # The pairs but the first are drawn when they are unfolded.
    assert found["folded"] == 2
    assert found["title"] == "Trading report, 2026-03-22 to 2026-03-26"
    assert any("Confidence" in hover for hover in found["hovers"])
    assert any("Lesson:" in hover for hover in found["hovers"])


def test_hostile_texts_are_shown_and_nothing_of_them_is_obeyed(
    empty: Bot, tmp_path: Path, listener: Listener
) -> None:
    text = (
        f"</title></script><script>document.title='owned'</script><img src='{listener.url}/i' "
        f"onerror=\"document.title='owned'\"><a href=\"javascript:document.title='owned'\">x</a>"
    )
    visit = browsed(a_page(hostile(empty, text), tmp_path))
    found = visit.found
    assert (found["errors"], found["violations"], visit.console) == ([], [], ())
    assert (found["requests"], listener.hits) == ([], [])
    assert (found["links"], found["tags"]) == (0, 0)
    assert found["title"].startswith("Trading report")
    assert {"equity", "trades-0", "checks"} <= set(found["drawn"])
    assert any("<script>document.title" in hover for hover in found["hovers"])


def test_a_page_with_hardly_anything_on_it_is_quiet_too(empty: Bot, tmp_path: Path) -> None:
    write_lines(empty.decisions, [a_decision_record(mode="dry_run", at=END)])
    visit = browsed(a_page(empty, tmp_path), "--blink-settings=preferredColorScheme=0")
    assert visit.found["drawn"] == []
    assert (visit.found["errors"], visit.found["violations"], visit.console) == ([], [], ())


@pytest.mark.parametrize(("name", "shown", "height"), PICTURED if PICTURES else PICTURED[:1])
def test_a_picture_of_it_can_stand_in_the_documentation(
    bot: Bot, tmp_path: Path, name: str, shown: tuple[str, ...], height: int
) -> None:
    page = a_page(bot, tmp_path, END - timedelta(days=12))
    show_only(page, shown)
    let_in(page, POINTING)
    picture = Path(PICTURES) / name if PICTURES else tmp_path / name
    run(
        page,
        *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
        *(f"--window-size={WIDTH},{height}", "--virtual-time-budget=10000"),
        f"--screenshot={picture.absolute()}",
    )
    content = picture.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", content[16:24]) == (WIDTH, height)
    # An empty page takes a tenth of that.
    assert 40_000 < len(content) < LARGEST_BYTES


def show_only(page: Path, shown: tuple[str, ...]) -> None:
    """Hide the other sections: a picture of all of them would be too long."""
    source = page.read_text(encoding="utf-8")
    others = set(re.findall(r'<section id="section-([a-z-]+)"', source)) - set(shown)
    hidden = ", ".join(f"#section-{one}" for one in sorted(others))
    style = f"{hidden} {{ display: none }}</style>"
    page.write_text(source.replace("</style>", style, 1), encoding="utf-8")
