"""Freqtrade's results of runs that end together."""

import json
from pathlib import Path
from zipfile import ZipFile

import pytest
from freqtrade.data.btanalysis import (
    get_latest_backtest_filename,
    load_backtest_stats,
)

from llm_modules.backtest.command.results import published

NAME = "backtest-result-2026-11-21_23-00-00"


def a_result(folder: Path, profit: float) -> Path:
    folder.mkdir(parents=True)
    path = folder / f"{NAME}.zip"
    with ZipFile(path, "w") as file:
        file.writestr(f"{NAME}.json", json.dumps({"strategy": {"A": {"profit": profit}}}))
        file.writestr(f"{NAME}_config.json", "{}")
    meta = {"A": {"run_id": "x", "backtest_start_time": 1}}
    (folder / f"{NAME}.meta.json").write_text(json.dumps(meta), encoding="utf-8")
    return path


def profit_of(path: Path) -> float:
    found = load_backtest_stats(path)
    assert "A" in found["metadata"]
    profit: float = found["strategy"]["A"]["profit"]
    return profit


def test_each_keeps_its_own_and_freqtrade_reads_all(tmp_path: Path) -> None:
    home = tmp_path / "backtest_results"
    moved = [
        published(a_result(tmp_path / f"run-{number}" / "results", number), home)
        for number in (1, 2, 3)
    ]
    assert [one.name for one in moved] == [f"{NAME}.zip", f"{NAME}-2.zip", f"{NAME}-3.zip"]
    assert [profit_of(one) for one in moved] == [1, 2, 3]
    assert get_latest_backtest_filename(home) == f"{NAME}-3.zip"
    assert sorted(one.name for one in home.iterdir()) == sorted(
        [".last_result.json", *(n.name for n in moved)]
        + [one.with_suffix("").name + ".meta.json" for one in moved]
    )
    assert not (tmp_path / "run-1" / "results").exists()
    with ZipFile(moved[1]) as file:
        assert file.namelist() == [f"{NAME}-2.json", f"{NAME}-2_config.json"]


def test_a_place_that_is_none_loses_nothing(tmp_path: Path) -> None:
    result = a_result(tmp_path / "run", 1)
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        published(result, tmp_path / "file")
    assert profit_of(result) == 1
