import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRA_MARKER = "# === extra: anthropic ===\n"
MARKER = "# === test tools ===\n"
RUNTIME, _, REST = LOCK.partition(EXTRA_MARKER)
EXTRA, _, TEST_TOOLS = REST.partition(MARKER)
PIN = re.compile(r"(?m)^([a-z0-9][a-z0-9._-]*)==([^ ;\\]+)(?: ; ([^\\\n]+?))? \\$")


def names(text: str) -> set[str]:
    return {found[1] for found in PIN.finditer(text)}


@pytest.mark.parametrize("marker", [EXTRA_MARKER, MARKER])
def test_there_is_one_marker_between_what_runs_and_what_does_not_always(marker: str) -> None:
    assert LOCK.count(marker) == 1


@pytest.mark.parametrize("pin", PYPROJECT["project"]["optional-dependencies"]["anthropic"])
def test_the_extra_is_pinned_below_what_always_runs(pin: str) -> None:
    assert f"\n{pin} \\\n" in EXTRA


def test_every_requirement_is_one_version_with_hashes() -> None:
    requirements = re.split(r"\n(?! )", "\n".join(_lines(LOCK)))
    assert len(requirements) > 100
    for requirement in requirements:
        heading, *hashes = requirement.split("\n")
        assert PIN.match(heading), heading
        assert hashes, heading
        for line in hashes:
            assert re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line), line


def test_no_address_and_no_path_is_in_it() -> None:
    for word in ("://", "/", "index-url", "find-links", "@"):
        assert word not in "\n".join(_lines(LOCK)), word


@pytest.mark.parametrize("pin", PYPROJECT["project"]["dependencies"])
def test_what_the_project_pins_is_what_is_locked(pin: str) -> None:
    assert f"\n{pin} \\\n" in RUNTIME


@pytest.mark.parametrize("tool", [*PYPROJECT["dependency-groups"]["test"], "pytest-xdist"])
def test_every_test_tool_is_locked_below_the_marker(tool: str) -> None:
    assert tool in names(TEST_TOOLS)


def test_nothing_is_pinned_twice() -> None:
    assert names(RUNTIME) & names(TEST_TOOLS) == set()
    assert names(EXTRA) & (names(RUNTIME) | names(TEST_TOOLS)) == set()
    assert not {"pytest", "mypy", "ruff"} & names(RUNTIME)


def test_what_a_pinned_package_needs_on_this_machine_is_pinned_too() -> None:
    # pip and uv are told not to look for dependencies: the file has to be whole.
    assert {"numpy", "pandas", "ccxt", "ta-lib", "pydantic", "aiohttp", "rich", "psutil"} <= names(
        RUNTIME
    )


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]
