"""What decides a run is in its fingerprint, so that no result of before stands in for it."""

from pathlib import Path
from typing import Any

import pytest
from freqtrade.enums import RunMode

from llm_modules.backtest import fingerprint as module
from llm_modules.backtest.fingerprint import FINGERPRINT_KEY, fingerprint, put_fingerprint
from llm_modules.context.template_files import OWN_PROMPTS
from llm_modules.llm.providers.findings import FINDINGS_NAME


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "cycle.py").write_text("one")
    monkeypatch.setattr(module, "PACKAGE", folder)
    return folder


def a_run(folder: Path, **changes: Any) -> dict[str, Any]:
    return {"user_data_dir": folder, "runmode": RunMode.BACKTEST} | changes


def test_the_same_run_has_the_same_fingerprint(tmp_path: Path, package: Path) -> None:
    assert fingerprint(a_run(tmp_path)) == fingerprint(a_run(tmp_path))


@pytest.mark.parametrize("name", ["cycle.py", "base.j2", "prices.toml", "schema.json"])
def test_a_changed_or_new_part_of_ours_changes_it(tmp_path: Path, package: Path, name: str) -> None:
    before = fingerprint(a_run(tmp_path))
    (package / name).write_text("two")
    assert fingerprint(a_run(tmp_path)) != before


def test_a_part_that_moves_changes_it_and_byte_code_does_not(tmp_path: Path, package: Path) -> None:
    before = fingerprint(a_run(tmp_path))
    (package / "cycle.pyc").write_text("compiled")
    assert fingerprint(a_run(tmp_path)) == before
    (package / "cycle.py").rename(package / "other.py")
    assert fingerprint(a_run(tmp_path)) != before


@pytest.mark.parametrize("name", ["tape.sqlite", "tape.sqlite-wal"])
def test_another_answer_on_the_tape_changes_it(tmp_path: Path, package: Path, name: str) -> None:
    before = fingerprint(a_run(tmp_path))
    (tmp_path / "backtest_llm").mkdir()
    (tmp_path / "backtest_llm" / name).write_text("an answer")
    assert fingerprint(a_run(tmp_path)) != before


def test_another_tape_changes_it(tmp_path: Path, package: Path) -> None:
    (tmp_path / "other.sqlite").write_text("an answer")
    block = {"folder": str(tmp_path), "tape": str(tmp_path / "other.sqlite")}
    assert fingerprint(a_run(tmp_path, llm_backtest=block)) != fingerprint(a_run(tmp_path))


def test_what_doctor_found_out_about_a_server_changes_it(tmp_path: Path, package: Path) -> None:
    before = fingerprint(a_run(tmp_path))
    (tmp_path / FINDINGS_NAME).write_text("{}")
    assert fingerprint(a_run(tmp_path)) != before


@pytest.mark.parametrize("name", ["en/flat.j2", "zh/user.j2"])
def test_the_users_own_templates_change_it(tmp_path: Path, package: Path, name: str) -> None:
    before = fingerprint(a_run(tmp_path))
    path = tmp_path / OWN_PROMPTS / name
    path.parent.mkdir(parents=True)
    path.write_text("one")
    with_one = fingerprint(a_run(tmp_path))
    path.write_text("two")
    assert len({before, with_one, fingerprint(a_run(tmp_path))}) == 3


@pytest.mark.parametrize("mode", [RunMode.BACKTEST, RunMode.WEBSERVER])
def test_it_is_put_where_freqtrade_names_a_result(tmp_path: Path, mode: RunMode) -> None:
    config = a_run(tmp_path, runmode=mode)
    put_fingerprint(config)
    assert config[FINGERPRINT_KEY] == fingerprint(a_run(tmp_path))


@pytest.mark.parametrize("mode", [RunMode.LIVE, RunMode.DRY_RUN, RunMode.HYPEROPT])
def test_a_bot_that_trades_needs_none(tmp_path: Path, mode: RunMode) -> None:
    config = a_run(tmp_path, runmode=mode)
    put_fingerprint(config)
    assert FINGERPRINT_KEY not in config
