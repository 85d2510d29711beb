"""The page in a real browser, where there is one: nothing fails, nothing is fetched or obeyed."""

import base64
import hashlib
import html
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from builders import a_thesis
from llm_modules.backtest.assessment import Assessment
from llm_modules.backtest.refusals import effects
from llm_modules.backtest.report.page import write_page
from report_scenes import (
    a_contender,
    a_refused_entry,
    an_assessment,
    an_outcome,
    candles_of,
    some_trades,
    write_journals,
)

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
pytestmark = pytest.mark.skipif(
    BROWSER is None, reason=f"no browser on the PATH, one of {', '.join(NAMES)}"
)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--enable-logging=stderr",
    "--virtual-time-budget=15000",
    "--dump-dom",
)
CHARTS = {"equity", "drawdown", "trades-0", "trades-1", "calibration", "refusals", "cost"}
OWNED = "document.title='owned'"
# Runs in the page before anything else of it, and tells at last what it saw.
PROBE = """
window.found = { errors: [], violations: [], hovers: [], links: 0 };
addEventListener("error", (event) => found.errors.push(String(event.message)), true);
addEventListener("unhandledrejection", (event) => found.errors.push(String(event.reason)));
document.addEventListener("securitypolicyviolation", (event) =>
  found.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
// Plotly shows no second box within 50 ms of the first.
const patience = () => new Promise((resolve) => setTimeout(resolve, 200));
addEventListener("load", async () => {
  await patience();
  found.folded = document.querySelectorAll(".chart:not(.js-plotly-plot)").length;
  for (const folded of document.querySelectorAll("details")) folded.open = true;
  for (let turn = 0; turn < 15; turn += 1) await patience();
  for (const place of document.querySelectorAll("[id^=trades-].js-plotly-plot")) {
    const curve = place.data.length - 1;
    for (let point = 0; curve && point < place.data[curve].x.length; point += 1) {
      Plotly.Fx.hover(place, [{ curveNumber: curve, pointNumber: point }]);
      await patience();
      const lines = [...place.querySelectorAll(".hoverlayer tspan.line")];
      found.hovers.push(lines.map((line) => line.textContent).join(" "));
      found.links += place.querySelectorAll(".hoverlayer a, .hoverlayer image").length;
    }
  }
  const shown = [...document.querySelectorAll(".js-plotly-plot")];
  const drawn = shown.filter((one) => one.querySelector(".main-svg .subplot path"));
  found.drawn = drawn.map((one) => one.id);
  found.widths = shown.map((one) => one.querySelector("svg").getBoundingClientRect().width);
  const buttons = document.querySelectorAll("#equity .modebar-btn");
  found.buttons = [...buttons].map((one) => one.dataset.title);
  found.papers = [...new Set(shown.map((one) => one.layout.paper_bgcolor))];
  found.requests = performance.getEntriesByType("resource").map((one) => one.name);
  found.title = document.title;
  found.tags = document.querySelectorAll("img, iframe, object, embed, form, link").length;
  const told = document.createElement("pre");
  told.id = "found";
  told.textContent = JSON.stringify(found);
  document.body.append(told);
});
"""


@dataclass(frozen=True, slots=True)
class Visit:
    """What the page's own eyes saw, and what the browser wrote into its console."""

    found: dict[str, Any]
    console: tuple[str, ...]


class Listener:
    """A server that the texts of a hostile model point at; `hits` are the paths asked for."""

    def __init__(self) -> None:
        self.hits: list[str] = []
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                listener.hits.append(self.path)
                self.send_response(204)
                self.end_headers()

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    listening = Listener()
    yield listening
    listening.close()


def visited(assessment: Assessment, folder: Path, *flags: str) -> Visit:
    """Write the page, let the probe into its policy, and open it."""
    path = folder / "page.html"
    write_page(assessment, path, candles_of)
    digest = base64.b64encode(hashlib.sha256(PROBE.encode()).digest()).decode()
    source = path.read_text(encoding="utf-8")
    source = source.replace("script-src ", f"script-src 'sha256-{digest}' ", 1)
    source = source.replace("<title>", f"<script>{PROBE}</script>\n<title>", 1)
    path.write_text(source, encoding="utf-8")
    assert BROWSER is not None
    done = subprocess.run(  # noqa: S603 - a browser that the tests found, on our own page
        [BROWSER, *FLAGS, *flags, f"--user-data-dir={folder / 'profile'}", path.as_uri()],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    told = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert told is not None, done.stderr[-2000:]
    console = tuple(line for line in done.stderr.splitlines() if "CONSOLE" in line)
    return Visit(json.loads(html.unescape(told[1])), console)


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
        patch.setattr("llm_modules.backtest.report.page.plain", lambda text, _longest: _Safe(tag))
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


class _Safe(str):
    """Text that the template takes for HTML, as a page without escaping would."""

    __slots__ = ()

    def __html__(self) -> str:
        return self
