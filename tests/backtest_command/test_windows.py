from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_modules.backtest.command.freqtrade_config import Window
from llm_modules.backtest.command.windows import joined, split
from llm_modules.backtest.outcome import Equity, Outcome

CANDLE = timedelta(minutes=30)
START = datetime(2026, 1, 1, tzinfo=UTC)


def window(candles: int) -> Window:
    return Window(Path("data"), START, START + CANDLE * candles)


def outcome(folder: Path, values: list[float], *, cost: float | None = 0.5) -> Outcome:
    folder.mkdir(parents=True)
    (folder / "llm_decisions.jsonl").write_text(f'"{folder.name}"\n"torn', encoding="utf-8")
    (folder / "trade_experience.jsonl").write_text("", encoding="utf-8")
    at = np.arange(len(values), dtype=np.int64)
    return Outcome(
        stake_currency="USDT",
        starting_balance=values[0],
        final_balance=values[-1],
        timeframe="30m",
        start=START,
        end=START + CANDLE,
        pairs=("A",),
        equity=Equity(at, np.array(values)),
        trades=(),
        decided=10,
        asked=7,
        cost=cost,
        rejected_entries=3,
        folder=folder,
        result_file=folder / "result.zip",
    )


@given(st.integers(1, 500), st.integers(1, 64))
def test_shards_follow_each_other_without_gap_and_are_as_long_as_each_other(
    candles: int, count: int
) -> None:
    shards = split(window(candles), count, CANDLE)
    assert shards[0].start == START
    assert shards[-1].end == window(candles).end
    assert all(a.end == b.start for a, b in pairwise(shards))
    lengths = [(one.end - one.start) // CANDLE for one in shards]
    assert sum(lengths) == candles
    assert max(lengths) - min(lengths) <= 1
    assert all((one.start - START) % CANDLE == timedelta(0) for one in shards)


@pytest.mark.parametrize(("candles", "count"), [(1, 1), (3, 1), (4, 2), (7, 3), (16, 8), (100, 8)])
def test_no_shard_is_shorter_than_two_candles(candles: int, count: int) -> None:
    assert len(split(window(candles), 8, CANDLE)) == count


def test_shards_are_joined_as_a_chain_of_returns(tmp_path: Path) -> None:
    parts = [
        outcome(tmp_path / "1", [100.0, 110.0]),
        outcome(tmp_path / "2", [100.0, 50.0]),
        outcome(tmp_path / "3", [100.0, 120.0]),
    ]
    whole = joined(parts, tmp_path / "journals")
    assert whole.equity.values.tolist() == pytest.approx([100, 110, 110, 55, 55, 66])
    assert whole.final_balance == pytest.approx(66)
    assert whole.starting_balance == 100
    assert (whole.decided, whole.asked, whole.rejected_entries) == (30, 21, 9)
    assert whole.cost == pytest.approx(1.5)
    assert whole.result_file is None
    assert whole.folder == tmp_path / "journals"


def test_the_last_shard_tells_the_end(tmp_path: Path) -> None:
    first = outcome(tmp_path / "1", [1.0, 1.0])
    later = replace(outcome(tmp_path / "2", [1.0, 1.0]), end=START + CANDLE * 9)
    assert joined([first, later], tmp_path / "all").end == START + CANDLE * 9


def test_a_cost_that_one_shard_does_not_know_is_unknown(tmp_path: Path) -> None:
    parts = [outcome(tmp_path / "1", [1.0]), outcome(tmp_path / "2", [1.0], cost=None)]
    assert joined(parts, tmp_path / "all").cost is None


def test_journals_are_joined_in_order_without_what_is_torn(tmp_path: Path) -> None:
    parts = [outcome(tmp_path / name, [1.0]) for name in ("1", "2")]
    joined(parts, tmp_path / "all")
    text = (tmp_path / "all" / "llm_decisions.jsonl").read_text(encoding="utf-8")
    assert text == '"1"\n"2"\n'
    assert (tmp_path / "all" / "trade_experience.jsonl").read_text(encoding="utf-8") == ""
