"""Where an off-by-one would hide: first candles, late files, gaps, other and odd timeframes."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from backtest_lookahead.scenes import (
    BTC,
    SOL,
    Heard,
    a_config,
    files_with,
    heard,
    with_fifteen_minutes,
)

# 10 January 2026, 13:30 UTC and six hours later.
MID_DAY = "1768051800-1768073400"


def nothing_found(found: Heard) -> bool:
    return [found.text(proof) for proof in ("a", "c", "d")] == ["", "", ""]


def pairs_by_candle(found: Heard) -> dict[str, int]:
    """How many pairs were asked about at each candle, by its time of day."""
    asked = [entry for entry in found.run.transcript.entries if entry.kind == "prompt"]
    times = [f"{entry.at:%H:%M}" for entry in asked]
    return {time: times.count(time) for time in times}


@pytest.mark.parametrize(
    ("timeframe", "informative", "timerange"),
    [
        ("5m", ["15m", "1h"], "1768051800-1768062600"),
        ("15m", ["1h", "4h", "1d"], MID_DAY),
        ("30m", [], MID_DAY),
        ("1h", ["1d"], "20260110-20260111"),
        ("4h", ["1d"], "20260110-20260114"),
    ],
)
def test_no_timeframe_looks_ahead(
    tmp_path: Path, timeframe: str, informative: list[str], timerange: str
) -> None:
    config = a_config(
        tmp_path,
        timerange,
        timeframe=timeframe,
        datadir=with_fifteen_minutes(tmp_path),
        context_config={"informative_timeframes": informative},
    )
    found = heard(config, tmp_path)
    assert nothing_found(found)
    assert found.contexts.contexts >= 2 * 12
    assert found.ground.timeframes == (timeframe, *informative)


def test_a_run_that_begins_in_the_middle_of_a_day_sees_the_days_before(tmp_path: Path) -> None:
    found = heard(a_config(tmp_path, MID_DAY), tmp_path)
    assert nothing_found(found)
    assert next(iter(pairs_by_candle(found))) == "14:00"
    assert found.with_other_futures() == ""


def test_a_pair_that_is_listed_in_the_middle_of_a_run(tmp_path: Path) -> None:
    # Sixty candles before 06:00 are the fewest that are asked about.
    listed = pd.Timestamp("2026-01-09 00:00", tz="UTC")

    def late(name: str, frame: pd.DataFrame) -> pd.DataFrame:
        return frame[frame["date"] >= listed] if name.startswith("SOL_") else frame

    config = a_config(
        tmp_path,
        datadir=files_with(tmp_path, late),
        context_config={"informative_timeframes": ["1h"]},
    )
    found = heard(config, tmp_path)
    assert nothing_found(found)
    asked = pairs_by_candle(found)
    assert (asked["05:30"], asked["06:00"]) == (1, 2)
    assert found.with_other_futures() == ""


def test_a_pair_whose_files_begin_within_the_run(tmp_path: Path) -> None:
    listed = pd.Timestamp("2026-01-10 06:00", tz="UTC")

    def late(name: str, frame: pd.DataFrame) -> pd.DataFrame:
        return frame[frame["date"] >= listed] if name.startswith("SOL_") else frame

    config = a_config(tmp_path, datadir=files_with(tmp_path, late))
    found = heard(config, tmp_path)
    assert nothing_found(found)
    assert set(pairs_by_candle(found).values()) == {1}


def test_a_hole_in_the_files_of_one_pair(tmp_path: Path) -> None:
    hole = pd.Timestamp("2026-01-10 03:00", tz="UTC"), pd.Timestamp("2026-01-10 05:00", tz="UTC")

    def holed(name: str, frame: pd.DataFrame) -> pd.DataFrame:
        is_there = (frame["date"] < hole[0]) | (frame["date"] >= hole[1])
        return frame[is_there] if name.startswith("SOL_") else frame

    config = a_config(tmp_path, datadir=files_with(tmp_path, holed))
    found = heard(config, tmp_path)
    assert nothing_found(found)
    assert found.with_other_futures() == ""


def test_orders_filled_within_a_candle_on_a_finer_timeframe(tmp_path: Path) -> None:
    config = a_config(tmp_path, timeframe_detail="5m")
    found = heard(config, tmp_path)
    assert nothing_found(found)
    assert found.ground.filled_on == ("30m", "5m")
    assert found.fills.fills > 10
    assert found.with_other_futures() == ""


@pytest.mark.parametrize(
    "llm",
    [
        {"asking": {"scope": "portfolio"}},
        {"asking": {"flat_every_candles": 3, "skip_unchanged": True}},
    ],
    ids=["one question for all pairs", "sparing"],
)
def test_other_ways_of_asking(tmp_path: Path, llm: dict[str, Any]) -> None:
    config = a_config(tmp_path)
    config["llm_config"]["asking"] |= llm["asking"]
    found = heard(config, tmp_path)
    assert nothing_found(found)
    # Each pair at each candle, whoever was asked about it.
    assert found.contexts.contexts == 2 * 24
    assert 0 < sum(pairs_by_candle(found).values()) < 2 * 24
    assert found.with_other_futures() == ""


def test_only_the_last_candles_are_compared_when_so_asked(tmp_path: Path) -> None:
    found = heard(a_config(tmp_path, pairs=(BTC, SOL)), tmp_path, last=3)
    assert found.contexts.contexts == found.memory.recalls == 6
    assert len(found.run.candles) == 24


@pytest.mark.parametrize(
    ("blocks", "is_remembered"),
    [
        ({"experience_config": {"enabled": False}}, False),
        ({"experience_config": {"lesson_model": "wordy", "reward_learning": False}}, True),
        ({"context_config": {"language": "zh"}}, True),
    ],
    ids=["nothing is remembered", "a model words lessons", "in Chinese"],
)
def test_other_ways_of_remembering(
    tmp_path: Path, blocks: dict[str, Any], *, is_remembered: bool
) -> None:
    found = heard(a_config(tmp_path, "20260110-20260111", **blocks), tmp_path, last=12)
    assert nothing_found(found)
    assert found.memory.recalls == 2 * 12
    entries = found.run.transcript.entries
    assert any(entry.kind == "trade" for entry in entries)
    # The thesis of an open position is quoted in any case.
    assert (found.memory.stamps > 100) is is_remembered
