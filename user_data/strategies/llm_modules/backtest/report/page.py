"""One HTML file that holds all of a report and asks nobody for anything.

What it runs is named by hash in its Content-Security-Policy: a reason that got past the escaping
would still not run, and nothing could be fetched or sent.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from plotly.offline import get_plotlyjs

from llm_modules.backtest.assessment import Assessment
from llm_modules.backtest.report.journals import read
from llm_modules.backtest.report.plain import name, plain
from llm_modules.backtest.report.section import Section
from llm_modules.backtest.report.sections import CandlesOf, sections

TEMPLATES = Path(__file__).parent / "templates"
LONGEST_REMARK = 1000


@dataclass(frozen=True, slots=True)
class Banner:
    """What a reader must know before all else, in a word, a sentence and a colour."""

    tone: Literal["calm", "warm", "grave"]
    word: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Card:
    """One figure in large letters, with what it is and what it rests on."""

    title: str
    value: str
    note: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page before it is written; texts are finished, but not escaped."""

    title: str
    sections: tuple[Section, ...]
    remarks: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    banner: Banner | None = None
    cards: tuple[Card, ...] = ()


def write_page(assessment: Assessment, path: Path, candles_of: CandlesOf) -> None:
    """Write a run's report as one HTML file, the same bytes for the same run.

    `candles_of` returns a pair's candles; what lies outside the run is left out. The journals in
    the run's folder are read for lessons, confidence and costs. Raises OSError.
    """
    journals = read(assessment.outcome)
    page = Page(
        title=f"Backtest of {name(assessment.model)}",
        sections=sections(assessment, journals, candles_of),
        remarks=tuple(plain(remark, LONGEST_REMARK) for remark in assessment.remarks),
        names=_names(assessment.names),
    )
    path.write_text(rendered(page), encoding="utf-8")


def rendered(page: Page) -> str:
    """Return a page as HTML that needs nothing else, the same text for the same page."""
    scripts = (get_plotlyjs(), (TEMPLATES / "page.js").read_text(encoding="utf-8"))
    return _template().render(
        page=page,
        policy=_policy(scripts),
        style=(TEMPLATES / "page.css").read_text(encoding="utf-8"),
        scripts=scripts,
    )


def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        # A name the template misspells is an error, not a blank on somebody's report.
        undefined=StrictUndefined,
        # Off by default, whatever a template is called.
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2")


def _policy(scripts: tuple[str, ...]) -> str:
    """Return the policy that lets exactly these scripts run, and nothing load."""
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    # Styles are inline because Plotly sets them; pictures are what its button saves.
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _names(names: Mapping[str, str]) -> tuple[str, ...]:
    """Return the legend of a masked run, as `A = BTC/USDT:USDT`."""
    return tuple(f"{name(masked)} = {name(true)}" for masked, true in sorted(names.items()))
