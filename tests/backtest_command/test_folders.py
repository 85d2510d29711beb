import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from llm_modules.backtest.command.folders import KEPT, PAGE_NAME, Note, Runs, keep_note, key_of
from llm_modules.llm.providers.findings import FINDINGS_NAME
from llm_modules.operations.places import Places

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(Places(tmp_path))


def test_each_run_has_a_folder_named_by_its_time(runs: Runs) -> None:
    folder = runs.begun(NOW)
    assert folder == runs.home / "20260301T120000Z"
    assert folder.is_dir()


def test_two_in_one_second_do_not_share_it(runs: Runs) -> None:
    names = [runs.begun(NOW).name for _ in range(3)]
    assert names == ["20260301T120000Z", "20260301T120000Z-2", "20260301T120000Z-3"]


def test_the_last_twenty_are_kept_and_nothing_else_is_touched(runs: Runs) -> None:
    runs.home.mkdir(parents=True)
    (runs.home / "tape.sqlite").write_text("", encoding="utf-8")
    (runs.home / "plain").mkdir()
    begun = [runs.begun(NOW + timedelta(hours=number)) for number in range(KEPT + 2)]
    for folder in begun:
        (folder / PAGE_NAME).touch()
    assert runs.tidied() == [one.name for one in begun[:2]]
    assert [one.exists() for one in begun] == [False, False, *[True] * KEPT]
    assert (runs.home / "tape.sqlite").exists()
    assert (runs.home / "plain").exists()


def test_the_newest_note_of_the_same_run_is_found(runs: Runs) -> None:
    for hour, (key, decided) in enumerate([("a", 1), ("a", 2), ("b", 3)]):
        folder = runs.begun(NOW + timedelta(hours=hour))
        keep_note(folder, Note(key=key, decided=decided, held=9))
    assert runs.newest_note("a") == Note(key="a", decided=2, held=9)
    assert runs.newest_note("c") is None


def test_runs_without_a_note_or_with_a_broken_one_are_passed_over(runs: Runs) -> None:
    keep_note(runs.begun(NOW), Note(key="a", decided=1, held=9))
    runs.begun(NOW + timedelta(hours=1))
    broken = runs.begun(NOW + timedelta(hours=2))
    (broken / "run.json").write_text('{"key": 1}', encoding="utf-8")
    assert runs.newest_note("a") == Note(key="a", decided=1, held=9)


def test_before_the_first_run_there_is_nothing(runs: Runs) -> None:
    assert runs.newest_note("a") is None


def test_a_run_is_named_by_all_that_decides_what_is_asked(tmp_path: Path) -> None:
    key = key_of({"timeframe": "30m"}, {"shards": 1}, tmp_path)
    assert key == key_of({"timeframe": "30m"}, {"shards": 1}, tmp_path)
    assert key != key_of({"timeframe": "1h"}, {"shards": 1}, tmp_path)
    assert key != key_of({"timeframe": "30m"}, {"shards": 2}, tmp_path)
    (tmp_path / FINDINGS_NAME).write_text(json.dumps({}), encoding="utf-8")
    assert key != key_of({"timeframe": "30m"}, {"shards": 1}, tmp_path)
