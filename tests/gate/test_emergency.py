import contextlib
import math
from pathlib import Path

import pytest

from llm_modules.errors import JournalError
from llm_modules.gate.emergency import BREACHES_TO_TRIP, EmergencyStop


def a_stop(folder: Path, limit: float = -0.15) -> EmergencyStop:
    return EmergencyStop(folder / "risk_state.json", limit)


def fall(stop: EmergencyStop, equity: float) -> bool:
    """Observe an equity as often as it takes to be believed."""
    halted = False
    for _ in range(BREACHES_TO_TRIP):
        with contextlib.suppress(JournalError):
            halted = stop.observe(equity)
    if not halted:
        halted = stop.observe(equity)
    return halted


@pytest.mark.parametrize(("equity", "halted"), [(850.01, False), (850.0, True), (100.0, True)])
def test_it_trips_at_the_limit_below_the_peak(tmp_path: Path, equity: float, halted: bool) -> None:
    stop = a_stop(tmp_path)
    assert not stop.observe(1000.0)
    for _ in range(BREACHES_TO_TRIP - 1):
        assert not stop.observe(equity)
    assert stop.observe(equity) is halted
    assert stop.tripped is halted


def test_one_odd_reading_does_not_trip_it(tmp_path: Path) -> None:
    stop = a_stop(tmp_path)
    for equity in (1000.0, 9.0, 1000.0, 9.0, 9.0, 1000.0, 9.0, 9.0):
        assert not stop.observe(equity)


def test_the_peak_follows_equity_up_and_never_down(tmp_path: Path) -> None:
    stop = a_stop(tmp_path)
    for equity in (1000.0, 1200.0, 1100.0):
        stop.observe(equity)
    assert stop.peak_equity == 1200.0
    assert fall(stop, 1019.0)


def test_it_stays_tripped_when_equity_recovers_and_after_a_restart(tmp_path: Path) -> None:
    stop = a_stop(tmp_path)
    stop.observe(1000.0)
    fall(stop, 800.0)
    assert stop.observe(2000.0)
    again = a_stop(tmp_path)
    assert again.tripped
    assert again.observe(2000.0)
    assert again.unreadable == ""


def test_the_peak_survives_a_restart(tmp_path: Path) -> None:
    a_stop(tmp_path).observe(1000.0)
    again = a_stop(tmp_path)
    assert again.peak_equity == 1000.0
    assert fall(again, 849.0)


@pytest.mark.parametrize("equity", [math.nan, math.inf, -math.inf, 0.0, -1.0])
def test_unknown_equity_halts_for_the_moment_only(tmp_path: Path, equity: float) -> None:
    stop = a_stop(tmp_path)
    assert stop.observe(equity)
    assert not stop.tripped
    assert not stop.observe(1000.0)


@pytest.mark.parametrize("content", ["", "{", "null", '{"peak_equity": -1}', '{"peak": 5}', "\x00"])
def test_an_unreadable_state_counts_as_tripped(tmp_path: Path, content: str) -> None:
    (tmp_path / "risk_state.json").write_text(content, encoding="utf-8")
    stop = a_stop(tmp_path)
    assert stop.tripped
    assert "not readable" in stop.unreadable
    assert stop.observe(1000.0)


def test_small_new_peaks_are_not_written_each_time(tmp_path: Path) -> None:
    stop = a_stop(tmp_path)
    stop.observe(1000.0)
    written = (tmp_path / "risk_state.json").read_bytes()
    stop.observe(1000.5)
    assert (tmp_path / "risk_state.json").read_bytes() == written
    stop.observe(1002.0)
    assert (tmp_path / "risk_state.json").read_bytes() != written


def test_a_state_that_cannot_be_saved_is_reported_and_holds_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    stop = EmergencyStop(tmp_path / "file" / "risk_state.json", -0.15)
    with pytest.raises(JournalError, match="cannot write"):
        stop.observe(1000.0)
    fall(stop, 100.0)
    assert stop.tripped


def test_before_the_first_look_there_is_no_peak(tmp_path: Path) -> None:
    assert a_stop(tmp_path).peak_equity == 0.0
