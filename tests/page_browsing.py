"""A page in a real browser, where there is one: what a probe in it and the console saw."""

import base64
import hashlib
import html
import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
NO_BROWSER = f"no browser on the PATH, one of {', '.join(NAMES)}"
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


def browsed(path: Path, *flags: str) -> Visit:
    """Let the probe into the policy of a written page, and open it."""
    let_in(path, PROBE)
    done = run(path, *FLAGS, *flags)
    told = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert told is not None, done.stderr[-2000:]
    console = tuple(line for line in done.stderr.splitlines() if "CONSOLE" in line)
    return Visit(json.loads(html.unescape(told[1])), console)


def let_in(path: Path, script: str) -> None:
    """Put a script before all else of a written page, and its hash into the policy."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    source = path.read_text(encoding="utf-8")
    source = source.replace("script-src ", f"script-src 'sha256-{digest}' ", 1)
    source = source.replace("<title>", f"<script>{script}</script>\n<title>", 1)
    path.write_text(source, encoding="utf-8")


def run(page: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Open a page with a profile of its own."""
    assert BROWSER is not None
    return subprocess.run(  # noqa: S603 - a browser that the tests found, on our own page
        [BROWSER, *flags, f"--user-data-dir={page.parent / 'profile'}", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )


class Safe(str):
    """Text that the template takes for HTML, as a page without escaping would."""

    __slots__ = ()

    def __html__(self) -> str:
        return self
