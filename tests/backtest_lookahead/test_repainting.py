"""Indicators whose older values change with later candles: harmless on what had closed."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas_ta
import pytest

from backtest_lookahead.scenes import AROUND_NOON, BTC, a_config, heard, whole_runs
from llm_modules.domain import Candles, FloatArray
from llm_modules.market import indicators, snapshot
from llm_modules.market.extra_indicators import compute_extra, output_columns
from market.made_candles import made_candles, rows_of

# From 04:00 to 20:00: the lagging line of ichimoku reaches 26 candles back.
LONG = "1768017600-1768075200"
NIGHTLY = os.environ.get("NIGHTLY") == "1"
# Centred, moved back, or fitted to everything that is shown to them.
REPAINTING = ("dpo", "ichimoku", "ssf", "tos_stdevall")


def changes_with_later_candles(name: str, candles: Candles) -> bool:
    whole = compute_extra(candles, name)
    for rows in (250, 301, 340, 399):
        part = compute_extra(rows_of(candles, slice(0, rows)), name)
        for column, values in part.items():
            if not np.allclose(values, whole[column][:rows], rtol=1e-9, equal_nan=True):
                return True
    return False


def test_of_all_indicators_that_may_be_named_four_repaint() -> None:
    candles = made_candles("30m", rows=400, ticks=870_000, step=0.1, seed=3)
    names = {name for group in pandas_ta.Category.values() for name in group}
    accepted = sorted(name for name in names if output_columns(name))
    assert len(accepted) > 100
    found = [name for name in accepted if changes_with_later_candles(name, candles)]
    assert tuple(found) == REPAINTING


def test_computed_on_what_had_closed_they_tell_nothing_of_the_future(tmp_path: Path) -> None:
    blocks = {"extra_indicators": list(REPAINTING), "informative_timeframes": ["1h"]}
    config = a_config(tmp_path, AROUND_NOON, pairs=(BTC,), context_config=blocks)
    found = heard(config, tmp_path)
    assert [found.text(proof) for proof in ("a", "c", "d")] == ["", "", ""]
    assert found.with_other_futures() == ""


# Not ssf: it is wrong for the first rows of a file only, which no prompt shows.
@pytest.mark.parametrize("name", ["dpo", *(("ichimoku", "tos_stdevall") if NIGHTLY else ())])
def test_computed_on_whole_files_each_of_them_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    honest = indicators.compute
    whole: dict[int, dict[str, float]] = {}

    def of_freqtrade(candles: Candles, extra: Any = ()) -> dict[str, FloatArray]:
        columns = compute_extra(candles, name)
        for row, opened in enumerate(candles.open_times.tolist()):
            whole[opened] = {column: float(values[row]) for column, values in columns.items()}
        return honest(candles, extra)

    def of_the_snapshot(candles: Candles, extra: Any = ()) -> dict[str, FloatArray]:
        columns = honest(candles, extra)
        for column, value in whole.get(int(candles.open_times[-1]), {}).items():
            columns[column] = np.append(columns[column][:-1], value)
        return columns

    monkeypatch.setattr(indicators, "compute", of_freqtrade)
    monkeypatch.setattr(snapshot, "compute", of_the_snapshot)
    blocks = {"extra_indicators": [name], "informative_timeframes": []}
    config = a_config(tmp_path, LONG, pairs=(BTC,), context_config=blocks)
    found = whole_runs(config, tmp_path)
    assert found.startswith("another future after 2026-01-10 12:30 UTC changed what was before")
    assert ": prompt 260110" in found
