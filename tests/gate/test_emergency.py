import json
import logging
import math
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import a_risk
from llm_modules.gate.emergency import (
    BREACHES_TO_TRIP,
    UNTIL_RESUMED,
    EmergencyStop,
    HaltEvent,
    Standing,
)
from llm_modules.gate.halt import HaltNote, HaltSwitch, read_halt, write_note
from llm_modules.gate.risk_state import RiskState, StateUnreadableError, read_state

NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
NOTE = HaltNote(reason="maintenance", at=NOON, by="ann")
UNKNOWN = (math.nan, math.inf, -math.inf, 0.0, -0.0, -1.0, 10**400, -(10**400))


class Account:
    """A user_data folder in dry-run, looked at again and again; restarted at will."""

    def __init__(self, folder: Path, **risk: Any) -> None:
        self.folder = folder
        self.state_path = folder / "logs" / "risk_state.dry_run.json"
        self.tripped = folder / "HALT.dry_run"
        self.by_hand = folder / "HALT"
        self.flatten = folder / "FLATTEN"
        self.risk = a_risk(**risk)
        self.now = NOON
        self.open_trades = 1
        self.restart()

    def restart(self) -> None:
        self.stop = EmergencyStop(HaltSwitch(self.folder, "dry_run"), self.state_path, self.risk)

    def see(self, *equities: float) -> Standing:
        """Observe one equity after the other, five seconds apart."""
        for equity in equities:
            self.now += timedelta(seconds=5)
            standing = self.stop.observe(equity, self.open_trades, self.now)
            assert standing is self.stop.standing
        return standing

    def trip(self) -> Standing:
        return self.see(1000.0, *[800.0] * BREACHES_TO_TRIP)

    def state(self) -> RiskState:
        state = read_state(self.state_path)
        assert state is not None
        return state


def kinds(standing: Standing) -> list[str]:
    return [event.kind for event in standing.events]


@pytest.fixture
def account(tmp_path: Path) -> Account:
    return Account(tmp_path)


# --- before anything is known -------------------------------------------------------------------


def test_before_the_first_look_trading_is_halted_and_nothing_is_known(account: Account) -> None:
    standing = account.stop.standing
    assert (standing.halted, standing.exit_tag, standing.events) == (True, None, ())
    assert standing.reason == "the account has not been looked at yet"
    assert (standing.peak_equity, standing.day_start_equity) == (0.0, 0.0)


def test_a_healthy_account_may_trade(account: Account) -> None:
    assert account.see(1000.0) == Standing(
        halted=False,
        exit_tag=None,
        reason="",
        peak_equity=1000.0,
        day_start_equity=1000.0,
        events=(),
    )


# --- the fall from the peak ---------------------------------------------------------------------


@pytest.mark.parametrize(("equity", "trips"), [(850.01, False), (850.0, True), (100.0, True)])
def test_it_trips_at_the_limit_below_the_peak(tmp_path: Path, equity: float, trips: bool) -> None:
    account = Account(tmp_path, emergency_day_loss=None)
    account.see(1000.0)
    for _ in range(BREACHES_TO_TRIP - 1):
        assert not account.see(equity).halted
    standing = account.see(equity)
    assert standing.halted is trips
    assert standing.exit_tag == ("emergency_stop" if trips else None)
    assert kinds(standing) == (["tripped"] if trips else [])
    assert account.tripped.exists() is trips


@pytest.mark.parametrize(("equity", "trips"), [(900.01, False), (900.0, True)])
def test_it_trips_at_the_limit_below_the_peak_of_the_day(
    tmp_path: Path, equity: float, trips: bool
) -> None:
    account = Account(tmp_path, emergency_day_loss=-0.1)
    assert account.see(1000.0, equity, equity, equity).halted is trips


def test_without_a_limit_for_the_day_only_the_whole_fall_counts(tmp_path: Path) -> None:
    account = Account(tmp_path, emergency_day_loss=None)
    assert not account.see(1000.0, *[860.0] * 9).halted


def test_a_trip_says_how_far_the_equity_fell_and_from_where(account: Account) -> None:
    told = "equity 800.00 is 20.0 % below its peak of 1000.00, limit 15 %"
    standing = account.trip()
    assert standing.reason == f"emergency stop: {told}"
    assert standing.events[0].text == (
        f"Emergency stop: {told}; every position is being closed, {UNTIL_RESUMED}"
    )
    note = read_halt(account.tripped).note
    assert note == HaltNote(reason=told, at=account.now, by="the emergency stop")


def test_a_trip_of_the_day_says_so(tmp_path: Path) -> None:
    account = Account(tmp_path, emergency_stop_loss=-0.5)
    account.see(1000.0, 1200.0)
    account.now += timedelta(days=1)
    standing = account.see(1100.0, *[1025.0] * 2, *[990.0] * 3)
    assert standing.halted
    assert "equity 990.00 is 10.0 % below the day's peak of 1100.00, limit 10 %" in standing.reason


@pytest.mark.parametrize("between", [[1000.0], [901.0], [1000.0, 1001.0]])
def test_odd_readings_that_are_not_in_a_row_do_not_trip_it(
    account: Account, between: list[float]
) -> None:
    for _ in range(5):
        assert not account.see(1000.0, 9.0, 9.0, *between).halted


def test_peaks_follow_equity_up_and_never_down(account: Account) -> None:
    assert account.see(1000.0, 1200.0, 1100.0).peak_equity == 1200.0
    assert account.see(1081.0, 1081.0, 1081.0).halted is False
    assert account.see(1080.0, 1080.0, 1080.0).halted is True


def test_once_tripped_it_stays_tripped_whatever_the_equity_and_over_restarts(
    account: Account,
) -> None:
    account.trip()
    for equity in (2000.0, 1.0, math.nan, 1000.0, 1e9):
        standing = account.see(equity)
        assert (standing.halted, standing.exit_tag, standing.events) == (
            True,
            "emergency_stop",
            (),
        )
        account.restart()


# --- unknown equity -----------------------------------------------------------------------------


@pytest.mark.parametrize("equity", UNKNOWN)
def test_unknown_equity_halts_for_the_moment_closes_nothing_and_changes_nothing(
    account: Account, equity: float
) -> None:
    before = account.see(1000.0)
    standing = account.see(equity)
    assert (standing.halted, standing.exit_tag, standing.events) == (True, None, ())
    assert standing.reason == "the equity is not known"
    assert (standing.peak_equity, standing.day_start_equity) == (1000.0, 1000.0)
    assert account.see(1000.0) == before


def test_unknown_equity_between_breaches_neither_counts_nor_starts_the_count_again(
    account: Account,
) -> None:
    account.see(1000.0, 800.0, math.nan, 800.0, math.nan)
    assert account.stop.standing.exit_tag is None
    assert account.see(800.0).exit_tag == "emergency_stop"


def test_while_equity_is_unknown_the_files_are_obeyed(account: Account) -> None:
    account.by_hand.touch()
    standing = account.see(math.nan)
    assert standing.exit_tag == "halt"
    assert standing.reason.endswith("; the equity is not known")


# --- the day ------------------------------------------------------------------------------------


def test_a_new_day_in_utc_starts_from_its_first_equity(account: Account) -> None:
    account.see(1000.0)
    account.now = NOON.replace(hour=23, minute=59, second=54)
    assert account.see(950.0).day_start_equity == 1000.0
    assert account.see(949.0).day_start_equity == 949.0
    assert not account.see(*[860.0] * 5).halted
    assert account.see(*[854.0] * 3).halted


def test_the_day_is_that_of_utc_wherever_the_clock_is(account: Account) -> None:
    account.see(1000.0)
    account.now = datetime(2026, 1, 16, 1, 0, tzinfo=timezone(timedelta(hours=8)))
    assert account.see(990.0).day_start_equity == 1000.0
    account.now = datetime(2026, 1, 16, 8, 0, tzinfo=timezone(timedelta(hours=8)))
    assert account.see(980.0).day_start_equity == 980.0


def test_a_clock_set_back_over_midnight_does_not_start_the_day_again(account: Account) -> None:
    account.now = NOON.replace(hour=0, minute=0, second=10)
    account.see(1000.0)
    account.now -= timedelta(minutes=1)
    assert account.see(905.0).day_start_equity == 1000.0
    account.now += timedelta(minutes=1)
    assert account.see(905.0).day_start_equity == 1000.0
    assert account.see(*[900.0] * 3).halted


def test_on_a_day_without_a_known_equity_there_is_no_start(account: Account) -> None:
    account.see(1000.0)
    account.now += timedelta(days=1)
    assert account.see(math.nan).day_start_equity == 0.0
    assert account.see(990.0).day_start_equity == 990.0


# --- lifting a trip -----------------------------------------------------------------------------


@pytest.mark.parametrize("restart", [False, True])
def test_removing_its_file_starts_anew_also_while_the_bot_was_down(
    account: Account, restart: bool
) -> None:
    account.trip()
    account.tripped.unlink()
    if restart:
        account.restart()
    standing = account.see(790.0)
    assert (standing.halted, standing.exit_tag, kinds(standing)) == (False, None, ["resumed"])
    assert (standing.peak_equity, standing.day_start_equity) == (790.0, 790.0)
    assert account.see(671.0, 671.0, 671.0).halted
    assert "its peak of 790.00" in account.stop.standing.reason


def test_resumed_while_equity_is_unknown_it_starts_from_the_next_known_one(
    account: Account,
) -> None:
    account.trip()
    account.tripped.unlink()
    assert kinds(account.see(math.nan)) == ["resumed"]
    assert account.see(700.0).peak_equity == 700.0


def test_a_trip_in_another_mode_is_none_of_ours(account: Account) -> None:
    for mode in ("sandbox", "live"):
        (account.folder / f"HALT.{mode}").touch()
    assert not account.see(1000.0).halted


def test_a_lost_state_does_not_lift_a_trip(account: Account) -> None:
    account.trip()
    account.state_path.unlink()
    account.restart()
    standing = account.see(1000.0)
    assert (standing.exit_tag, kinds(standing)) == ("emergency_stop", ["tripped"])
    assert "equity 800.00 is 20.0 % below" in standing.reason
    account.restart()
    assert account.see(1000.0).events == ()
    account.tripped.unlink()
    account.restart()
    assert kinds(account.see(900.0)) == ["resumed"]


def test_a_crash_between_its_file_and_the_state_neither_loses_nor_resumes_the_trip(
    account: Account,
) -> None:
    account.see(1000.0, 800.0, 800.0)
    before = account.state_path.read_bytes()
    account.see(800.0)
    account.state_path.write_bytes(before)
    account.restart()
    assert account.see(2000.0).exit_tag == "emergency_stop"


# --- what the disk refuses ----------------------------------------------------------------------


def test_a_trip_that_cannot_leave_its_file_holds_in_memory_and_is_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    account = Account(tmp_path / "user_data")
    account.state_path = tmp_path / "risk_state.json"
    account.restart()
    # A folder that is not there takes no file, and does not tell that a file was removed.
    standing = account.trip()
    assert (standing.exit_tag, kinds(standing)) == ("emergency_stop", ["tripped"])
    for _ in range(3):
        standing = account.see(2000.0)
        assert (standing.exit_tag, standing.events) == ("emergency_stop", ())
        account.restart()
        account.see(2000.0)
    assert account.state().halts_by_itself
    account.folder.mkdir()
    reason = account.see(2000.0).reason
    assert reason == f"emergency stop: {read_halt(account.tripped).reason}"
    assert not account.state().halts_by_itself
    account.tripped.unlink()
    assert kinds(account.see(2000.0)) == ["resumed"]


def test_each_problem_is_logged_once_until_it_is_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    account = Account(tmp_path / "user_data")
    account.state_path = tmp_path / "risk_state.json"
    account.restart()
    account.trip()
    account.see(*[800.0] * 9)
    assert caplog.text.count("HALT.dry_run: No such file or directory") == 1
    assert "the emergency stop holds in memory" in caplog.text
    account.folder.mkdir()
    account.see(800.0)
    account.tripped.unlink()
    account.see(800.0)
    account.folder.rmdir()
    account.see(*[600.0] * 9)
    assert caplog.text.count("HALT.dry_run: No such file or directory") == 2


def test_a_state_that_cannot_be_saved_is_logged_once_and_holds_in_memory(
    account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    in_the_way = account.state_path.with_name(".risk_state.dry_run.json.new")
    in_the_way.mkdir(parents=True)
    assert not account.see(1000.0, 1200.0, 1400.0).halted
    assert account.stop.standing.peak_equity == 1400.0
    assert caplog.text.count("cannot write") == 1
    assert "what is known of the account holds in memory" in caplog.text
    in_the_way.rmdir()
    account.see(1400.0)
    assert account.state().peak_equity == 1400.0
    in_the_way.mkdir()
    account.see(1500.0, 1600.0)
    assert caplog.text.count("cannot write") == 2


def test_a_folder_that_cannot_be_made_for_the_state_is_no_more_than_logged(
    account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    (account.folder / "logs").symlink_to("nowhere")
    assert not account.see(1000.0).halted
    assert caplog.text.count("File exists") == 1


def test_small_growth_of_a_peak_is_not_written_each_time(account: Account) -> None:
    account.see(1000.0)
    written = account.state_path.stat().st_mtime_ns, account.state_path.stat().st_ino
    account.see(1000.5, 901.0, 1000.9, math.nan)
    assert (account.state_path.stat().st_mtime_ns, account.state_path.stat().st_ino) == written
    account.see(1001.1)
    assert account.state().peak_equity == 1001.1
    assert account.state_path.stat().st_ino != written[1]


def test_a_peak_of_the_day_is_written_when_it_grew(account: Account) -> None:
    account.see(1000.0)
    account.now += timedelta(days=1)
    account.see(900.1)
    assert account.state().day_peak_equity == 900.1
    account.see(900.9)
    assert account.state().day_peak_equity == 900.1
    account.see(901.1)
    assert (account.state().day_peak_equity, account.state().peak_equity) == (901.1, 1000.0)


def test_while_nothing_is_known_nothing_is_written(account: Account) -> None:
    account.see(math.nan)
    assert not account.state_path.exists()


# --- the saved state ----------------------------------------------------------------------------


def saved(account: Account, content: bytes | str) -> None:
    account.state_path.parent.mkdir(exist_ok=True)
    account.state_path.write_bytes(content.encode() if isinstance(content, str) else content)
    account.restart()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "null",
        "[]",
        "{}",
        "\x00",
        b"\xff",
        '{"peak_equity": -1}',
        '{"peak_equity": NaN}',
        '{"peak_equity": 1, "more": 2}',
        '{"peak": 5}',
        '{"tripped_at_equity": null}',
    ],
)
def test_a_state_that_cannot_be_read_halts_closes_nothing_and_is_left_alone(
    account: Account, content: bytes | str
) -> None:
    saved(account, content)
    before = account.state_path.read_bytes()
    standing = account.see(1000.0)
    assert (standing.halted, standing.exit_tag, kinds(standing)) == (True, None, ["halted"])
    assert standing.reason == (
        f"{account.state_path} is not readable (ValidationError); ./manage.sh resume starts anew"
    )
    assert account.see(1100.0).events == ()
    assert account.state_path.read_bytes() == before


def test_a_folder_in_the_place_of_the_state_halts(account: Account) -> None:
    account.state_path.mkdir(parents=True)
    account.restart()
    assert "is not readable (IsADirectoryError)" in account.see(1000.0).reason
    with pytest.raises(StateUnreadableError):
        read_state(account.state_path)


def test_with_the_unreadable_state_gone_it_starts_anew(account: Account) -> None:
    saved(account, "{")
    account.see(5000.0)
    account.state_path.rename(account.state_path.with_suffix(".aside"))
    standing = account.see(1000.0)
    assert (standing.halted, kinds(standing)) == (False, ["resumed"])
    assert standing.peak_equity == 1000.0
    assert account.state().peak_equity == 1000.0


def test_a_state_that_becomes_readable_again_is_taken_up(account: Account) -> None:
    saved(account, "{")
    account.see(1000.0)
    account.state_path.write_text('{"peak_equity": 3000}', encoding="utf-8")
    standing = account.see(2900.0)
    assert (standing.halted, standing.peak_equity) == (False, 3000.0)


def test_a_trip_is_not_lifted_with_an_unreadable_state(account: Account) -> None:
    account.trip()
    saved(account, "{")
    standing = account.see(1000.0)
    assert (standing.exit_tag, kinds(standing)) == ("emergency_stop", ["tripped", "halted"])
    account.state_path.unlink()
    standing = account.see(1000.0)
    assert (standing.exit_tag, standing.events) == ("emergency_stop", ())
    account.tripped.unlink()
    assert kinds(account.see(1000.0)) == ["resumed"]


def test_a_state_of_the_first_form_is_read(account: Account) -> None:
    saved(account, '{"peak_equity": 1234.5, "tripped_at_equity": null}')
    standing = account.see(1200.0)
    assert (standing.halted, standing.peak_equity) == (False, 1234.5)


@pytest.mark.parametrize("equity", ["849.0", '"odd"', "false"])
def test_a_trip_of_the_first_form_is_a_trip_and_leaves_its_file(
    account: Account, equity: str
) -> None:
    saved(account, f'{{"peak_equity": 1000, "tripped_at_equity": {equity}}}')
    standing = account.see(1000.0)
    assert standing.exit_tag == "emergency_stop"
    assert "tripped at equity" in read_halt(account.tripped).reason
    account.tripped.unlink()
    assert kinds(account.see(1000.0)) == ["resumed"]


def test_a_trip_of_the_first_form_whose_file_is_there_is_not_written_again(
    account: Account,
) -> None:
    account.tripped.mkdir()
    saved(account, '{"peak_equity": 1000, "tripped_at_equity": 849}')
    assert account.see(1000.0).reason == "emergency stop: tripped at equity 849"
    assert account.tripped.is_dir()
    assert not list(account.folder.glob(".HALT*"))


def test_a_state_is_read_as_it_was_written(account: Account) -> None:
    account.by_hand.touch()
    account.flatten.touch()
    account.see(1000.0, 800.0)
    content = json.loads(account.state_path.read_text(encoding="utf-8"))
    assert account.state() == RiskState.model_validate(content | {"day": NOON.date()})
    assert (content["breaches"], content["flattening"]) == (1, True)


# --- halted by hand -----------------------------------------------------------------------------


def test_a_halt_by_hand_closes_everything_until_its_file_is_removed(account: Account) -> None:
    account.see(1000.0)
    write_note(account.by_hand, NOTE)
    words = "maintenance (by ann, 2026-01-15 12:00 UTC)"
    told = f"every position is being closed, {UNTIL_RESUMED}"
    standing = account.see(1000.0)
    assert (standing.halted, standing.exit_tag) == (True, "halt")
    assert standing.reason == f"halted by hand: {words}"
    assert standing.events == (HaltEvent("halted", f"Halted by hand: {words}; {told}"),)
    assert account.see(1000.0).events == ()
    account.by_hand.unlink()
    standing = account.see(990.0)
    assert (standing.halted, standing.exit_tag, kinds(standing)) == (False, None, ["resumed"])
    assert standing.peak_equity == 1000.0


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir, lambda path: path.symlink_to("gone")])
def test_whatever_has_the_name_halts(account: Account, make: Callable[[Path], None]) -> None:
    make(account.by_hand)
    standing = account.see(1000.0)
    assert (standing.halted, standing.exit_tag) == (True, "halt")
    assert "HALT was found but not readable" in standing.reason


def test_an_emergency_stop_below_a_halt_by_hand_is_told_and_outlives_it(account: Account) -> None:
    account.by_hand.touch()
    standing = account.trip()
    assert (standing.exit_tag, kinds(standing)) == ("emergency_stop", ["tripped"])
    assert "; halted by hand: " in standing.reason
    account.by_hand.unlink()
    assert (account.see(1000.0).exit_tag, account.stop.standing.events) == ("emergency_stop", ())
    account.tripped.unlink()
    assert kinds(account.see(1000.0)) == ["resumed"]


def test_resuming_one_of_two_halts_resumes_nothing(account: Account) -> None:
    account.trip()
    account.by_hand.touch()
    assert kinds(account.see(900.0)) == ["halted"]
    account.tripped.unlink()
    standing = account.see(900.0)
    assert (standing.exit_tag, standing.events) == ("halt", ())
    assert standing.peak_equity == 900.0
    account.by_hand.unlink()
    assert kinds(account.see(900.0)) == ["resumed"]


def test_a_halt_that_came_and_went_while_the_bot_was_down_is_told(
    account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    account.see(1000.0)
    account.by_hand.touch()
    account.restart()
    assert kinds(account.see(1000.0)) == ["halted"]
    assert "still halted" not in caplog.text
    account.by_hand.unlink()
    account.restart()
    assert kinds(account.see(1000.0)) == ["resumed"]


def test_a_start_that_finds_the_account_halted_says_so_once(
    account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    account.trip()
    assert "still halted" not in caplog.text
    account.restart()
    account.see(1000.0, 1000.0)
    assert caplog.text.count("Trading is still halted: emergency stop: equity 800.00 is") == 1


# --- files that cannot be looked at -------------------------------------------------------------


def test_where_one_cannot_look_trading_is_halted_and_nothing_is_closed_or_resumed(
    tmp_path: Path,
) -> None:
    account = Account(tmp_path / "user_data")
    account.state_path = tmp_path / "risk_state.json"
    account.folder.mkdir()
    account.restart()
    account.see(1000.0)
    aside = tmp_path / "aside"
    account.folder.rename(aside)
    standing = account.see(1000.0)
    assert (standing.halted, standing.exit_tag, standing.events) == (True, None, ())
    assert standing.reason == "it cannot be seen whether HALT or FLATTEN is there"
    aside.rename(account.folder)
    assert not account.see(1000.0).halted


@pytest.mark.parametrize(("name", "tag"), [("HALT", "halt"), ("HALT.dry_run", "emergency_stop")])
def test_a_halt_that_was_seen_holds_while_one_cannot_look(
    tmp_path: Path, name: str, tag: str
) -> None:
    account = Account(tmp_path / "user_data")
    account.state_path = tmp_path / "risk_state.json"
    account.folder.mkdir()
    (account.folder / name).touch()
    account.restart()
    account.see(1000.0)
    account.folder.rename(tmp_path / "aside")
    account.restart()
    assert account.see(1000.0).exit_tag == tag


# --- closing everything once --------------------------------------------------------------------


def test_flatten_closes_everything_once_and_is_then_removed(account: Account) -> None:
    account.see(1000.0)
    account.flatten.touch()
    standing = account.see(1000.0)
    assert (standing.halted, standing.exit_tag, kinds(standing)) == (True, "flatten", ["flatten"])
    assert standing.reason == "everything is being closed, as FLATTEN asks"
    assert account.see(1000.0).events == ()
    account.open_trades = 0
    standing = account.see(1000.0)
    assert (standing.halted, standing.exit_tag, kinds(standing)) == (False, None, ["flattened"])
    assert standing.events[0].text == "Everything is closed, FLATTEN is gone; trading goes on"
    assert not account.flatten.exists()
    assert account.see(1000.0).events == ()


def test_with_nothing_open_flatten_is_done_at_once(account: Account) -> None:
    account.open_trades = 0
    account.flatten.mkdir()
    assert kinds(account.see(1000.0)) == ["flatten", "flattened"]
    assert not account.flatten.exists()


def test_closing_everything_needs_no_equity(account: Account) -> None:
    account.flatten.touch()
    assert account.see(math.nan).exit_tag == "flatten"
    account.open_trades = 0
    assert "flattened" in kinds(account.see(math.nan))


def test_a_flatten_that_is_withdrawn_is_told(account: Account) -> None:
    account.flatten.touch()
    account.see(1000.0)
    account.flatten.unlink()
    standing = account.see(1000.0)
    assert (standing.exit_tag, kinds(standing)) == (None, ["resumed"])


def test_a_halt_outlives_a_flatten(account: Account) -> None:
    account.by_hand.touch()
    account.flatten.touch()
    assert account.see(1000.0).exit_tag == "halt"
    account.open_trades = 0
    standing = account.see(1000.0)
    assert (standing.exit_tag, kinds(standing)) == ("halt", ["flattened"])
    assert standing.events[0].text.endswith("trading stays halted")


def test_a_halt_lifted_while_everything_is_being_closed_resumes_nothing_yet(
    account: Account,
) -> None:
    account.by_hand.touch()
    account.flatten.touch()
    account.see(1000.0)
    account.by_hand.unlink()
    standing = account.see(1000.0)
    assert (standing.exit_tag, standing.events) == ("flatten", ())
    account.open_trades = 0
    assert kinds(account.see(1000.0)) == ["flattened"]


def test_a_flatten_that_cannot_be_removed_is_logged_once_and_keeps_halting(
    account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    account.open_trades = 0
    inside = account.flatten / "inside"
    inside.mkdir(parents=True)
    assert account.see(1000.0, 1000.0, 1000.0).halted
    assert caplog.text.count("nothing is opened while it is there") == 1
    inside.rmdir()
    assert kinds(account.see(1000.0)) == ["flattened"]
    inside.mkdir(parents=True)
    account.see(1000.0)
    assert caplog.text.count("nothing is opened while it is there") == 2


# --- any sequence of events ---------------------------------------------------------------------

STEPS = st.one_of(
    st.sampled_from([1000.0, 1100.0, 950.0, 880.0, 840.0, 700.0, 500.0, math.nan]),
    st.sampled_from(
        ["halt", "unhalt", "resume", "flatten", "unflatten", "open", "close", "next day"]
    ),
)


def perform(account: Account, step: str) -> None:
    """Let something happen between two observations."""
    if step == "halt":
        write_note(account.by_hand, NOTE)
    elif step == "unhalt":
        account.by_hand.unlink(missing_ok=True)
    elif step == "resume":
        account.tripped.unlink(missing_ok=True)
    elif step == "flatten":
        account.flatten.touch()
    elif step == "unflatten":
        account.flatten.unlink(missing_ok=True)
    elif step == "next day":
        account.now += timedelta(days=1)
    else:
        account.open_trades = int(step == "open")


@given(st.lists(STEPS, max_size=40), st.lists(st.booleans(), min_size=40, max_size=40))
def test_a_restart_between_any_two_observations_changes_nothing(
    steps: list[float | str], restarts: list[bool]
) -> None:
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        steady, restarted = Account(Path(first)), Account(Path(second))
        for step, restart in zip(steps, restarts, strict=False):
            if restart:
                restarted.restart()
            if isinstance(step, str):
                perform(steady, step)
                perform(restarted, step)
            else:
                assert restarted.see(step) == steady.see(step)


@given(st.lists(STEPS, max_size=60))
def test_once_tripped_only_the_removal_of_its_file_lifts_it(steps: list[float | str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        account = Account(Path(folder))
        is_tripped = False
        for step in steps:
            if isinstance(step, str):
                perform(account, step)
                is_tripped = is_tripped and step != "resume"
                continue
            standing = account.see(step)
            # Whatever else: what was tripped is, and what is tripped has said so and left a file.
            assert not is_tripped or standing.exit_tag == "emergency_stop"
            is_tripped = is_tripped or "tripped" in kinds(standing)
            assert is_tripped is (standing.exit_tag == "emergency_stop")
            assert is_tripped is account.tripped.exists()
            assert standing.halted is bool(standing.reason)
            assert standing.halted or standing.exit_tag is None


@given(st.lists(st.floats() | st.sampled_from(UNKNOWN), min_size=1, max_size=30))
def test_no_equity_makes_it_raise_and_unknown_equity_never_allows_exposure(
    equities: list[float],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        account = Account(Path(folder))
        for equity in equities:
            standing = account.see(equity)
            known = math.isfinite(float(equity)) if abs(equity) < 10**300 else equity < math.inf
            assert standing.halted or (known and equity > 0)
            assert math.isfinite(standing.peak_equity)
            assert standing.peak_equity >= 0
        assert read_state(account.state_path) is None or account.state().peak_equity >= 0
