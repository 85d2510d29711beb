"""One HTML file that holds all of a report and asks nobody for anything.

What it runs is named by hash in its Content-Security-Policy: a reason that got past the escaping
would still not run, and nothing could be fetched or sent.
"""

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from plotly.offline import get_plotlyjs

from llm_modules.backtest.assessment import Assessment
from llm_modules.backtest.report.journals import read
from llm_modules.backtest.report.plain import name, plain
from llm_modules.backtest.report.sections import CandlesOf, sections

TEMPLATES = Path(__file__).parent / "templates"
LONGEST_REMARK = 1000


def write_page(assessment: Assessment, path: Path, candles_of: CandlesOf) -> None:
    """Write a run's report as one HTML file, the same bytes for the same run.

    `candles_of` returns a pair's candles; what lies outside the run is left out. The journals in
    the run's folder are read for lessons, confidence and costs. Raises OSError.
    """
    journals = read(assessment.outcome)
    scripts = (get_plotlyjs(), (TEMPLATES / "page.js").read_text(encoding="utf-8"))
    content = _template().render(
        title=f"Backtest of {name(assessment.model)}",
        remarks=[plain(remark, LONGEST_REMARK) for remark in assessment.remarks],
        names=_names(assessment.names),
        sections=sections(assessment, journals, candles_of),
        policy=_policy(scripts),
        style=(TEMPLATES / "page.css").read_text(encoding="utf-8"),
        scripts=scripts,
    )
    path.write_text(content, encoding="utf-8")


def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2")


def _policy(scripts: tuple[str, ...]) -> str:
    """Return the policy that lets exactly these scripts run, and nothing load."""
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _names(names: Mapping[str, str]) -> tuple[str, ...]:
    """Return the legend of a masked run, as `A = BTC/USDT:USDT`."""
    return tuple(f"{name(masked)} = {name(true)}" for masked, true in sorted(names.items()))
