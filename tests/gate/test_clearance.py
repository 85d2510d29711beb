"""Real money needs a selftest that passed for these limits and this code; anything else is none."""

import os
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from builders import NOON, a_risk
from llm_modules.errors import ConfigError, JournalError
from llm_modules.gate.clearance import (
    CLEARANCE_NAME,
    PACKAGE,
    ROOMS,
    clearance_fingerprint,
    demand_clearance,
    missing_clearance,
    write_clearance,
)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Return a copy of the code that may be changed."""
    for room in ROOMS:
        shutil.copytree(PACKAGE / room, tmp_path / "package" / room)
    return tmp_path / "package"


def test_a_selftest_that_passed_is_a_clearance(tmp_path: Path) -> None:
    stamp = tmp_path / "selftest.json"
    fingerprint = clearance_fingerprint(a_risk())
    write_clearance(stamp, fingerprint, NOON)
    assert missing_clearance(stamp, fingerprint) is None
    # It is the same bot after a restart.
    assert clearance_fingerprint(a_risk()) == fingerprint


def test_live_mode_demands_the_clearance_of_its_very_limits(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="dry_run is false, but the selftest has not passed yet"):
        demand_clearance(tmp_path, a_risk())
    write_clearance(tmp_path / CLEARANCE_NAME, clearance_fingerprint(a_risk()), NOON)
    demand_clearance(tmp_path, a_risk())
    with pytest.raises(ConfigError, match="for other limits or other code"):
        demand_clearance(tmp_path, a_risk(max_open_trades=5))


def test_without_a_selftest_there_is_none(tmp_path: Path) -> None:
    missing = missing_clearance(tmp_path / "selftest.json", "abc")
    assert missing == "the selftest has not passed yet: run ./manage.sh selftest"


def test_a_selftest_of_other_limits_is_none(tmp_path: Path) -> None:
    stamp = tmp_path / "selftest.json"
    write_clearance(stamp, clearance_fingerprint(a_risk()), NOON)
    missing = missing_clearance(stamp, clearance_fingerprint(a_risk(max_leverage=11.0)))
    assert missing is not None
    assert "passed at 2026-01-15 12:00 UTC for other limits or other code" in missing
    assert "run ./manage.sh selftest" in missing


def another(value: object) -> object:
    """A value of the same kind that is not the same."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return {"refuse": "record", "clamp": "refuse", "record": "clamp"}.get(value, "kelly")
    return 7 if isinstance(value, int) else 0.123


@pytest.mark.parametrize("limit", sorted(type(a_risk()).model_fields))
def test_every_limit_is_part_of_the_fingerprint(limit: str) -> None:
    risk = a_risk()
    changed = risk.model_copy(update={limit: another(getattr(risk, limit))})
    assert clearance_fingerprint(changed) != clearance_fingerprint(risk)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"\xff\xfe",
        b'{"fingerprint": "abc"}',
        b'{"fingerprint": "abc", "passed_at": "2026-01-15T12:00:00"}',
        b'{"fingerprint": "abc", "passed_at": "2026-01-15T12:00:00Z", "by": "me"}',
        b'{"fingerprint": null, "passed_at": "2026-01-15T12:00:00Z"}',
    ],
)
def test_what_is_not_a_clearance_of_ours_is_none(tmp_path: Path, content: bytes) -> None:
    stamp = tmp_path / "selftest.json"
    stamp.write_bytes(content)
    missing = missing_clearance(stamp, "abc")
    assert missing is not None
    assert "is not a clearance of ours" in missing


def test_what_cannot_be_read_is_none(tmp_path: Path) -> None:
    stamp = tmp_path / "selftest.json"
    stamp.mkdir()
    missing = missing_clearance(stamp, "abc")
    assert missing is not None
    assert "cannot be read" in missing


def test_a_pipe_of_that_name_is_none_and_holds_nobody(tmp_path: Path) -> None:
    stamp = tmp_path / "selftest.json"
    os.mkfifo(stamp)
    missing = missing_clearance(stamp, "abc")
    assert missing is not None
    assert "is not a clearance of ours" in missing


def test_a_newer_selftest_replaces_an_older_one(tmp_path: Path) -> None:
    stamp = tmp_path / "selftest.json"
    write_clearance(stamp, "old", NOON)
    write_clearance(stamp, "new", NOON + timedelta(days=1))
    assert missing_clearance(stamp, "new") is None
    assert missing_clearance(stamp, "old") is not None


def test_a_clearance_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="cannot write"):
        write_clearance(tmp_path / "nowhere" / "selftest.json", "abc", NOON)


@pytest.mark.parametrize("room", ROOMS)
def test_a_change_of_the_code_needs_another_selftest(package: Path, room: str) -> None:
    before = clearance_fingerprint(a_risk(), package)
    assert before == clearance_fingerprint(a_risk())
    with (package / room / "__init__.py").open("a", encoding="utf-8") as source:
        source.write("\n")
    assert clearance_fingerprint(a_risk(), package) != before


def test_a_single_character_of_the_code_counts(package: Path) -> None:
    before = clearance_fingerprint(a_risk(), package)
    source = package / "gate" / "halt.py"
    source.write_bytes(source.read_bytes().replace(b"HALT", b"HALF", 1))
    assert clearance_fingerprint(a_risk(), package) != before


def test_code_below_a_room_counts_too(package: Path) -> None:
    before = clearance_fingerprint(a_risk(), package)
    (package / "gate" / "checks" / "another.py").touch()
    added = clearance_fingerprint(a_risk(), package)
    assert added != before
    (package / "gate" / "checks" / "another.py").rename(package / "gate" / "another.py")
    assert clearance_fingerprint(a_risk(), package) not in {before, added}


def test_byte_code_and_caches_do_not_count(package: Path) -> None:
    before = clearance_fingerprint(a_risk(), package)
    (package / "gate" / "left.pyc").touch()
    assert clearance_fingerprint(a_risk(), package) == before


@pytest.mark.parametrize("room", ROOMS)
def test_without_its_source_code_there_is_no_fingerprint(package: Path, room: str) -> None:
    shutil.rmtree(package / room)
    with pytest.raises(ConfigError, match="no source code"):
        clearance_fingerprint(a_risk(), package)


def test_source_code_that_cannot_be_read_gives_no_fingerprint(package: Path) -> None:
    (package / "gate" / "broken.py").symlink_to(package / "nowhere")
    with pytest.raises(ConfigError, match="cannot be read"):
        clearance_fingerprint(a_risk(), package)
