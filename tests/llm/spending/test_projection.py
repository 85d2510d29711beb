from datetime import datetime, timedelta
from pathlib import Path

import pytest

from builders import NOON
from costs import enter, utc
from llm_modules.llm.spending.ledger import Ledger
from llm_modules.llm.spending.projection import projection

# NOON is the 15th of January: 16 days come after it.


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "llm_costs.sqlite"


def spend(path: Path, day: int, usd: float, month: int = 1, hour: int = 0) -> None:
    enter(path, at=datetime(2026, month, day, hour, tzinfo=NOON.tzinfo), cost=usd)


def projected(path: Path, now: datetime = NOON) -> tuple[float, str]:
    found = projection(Ledger(path), now)
    return round(found.usd, 6), found.method


def test_full_days_make_a_mean_for_those_to_come(path: Path) -> None:
    spend(path, 13, 1.0)
    spend(path, 14, 3.0)
    # Today counts as a mean day as long as it has cost less.
    spend(path, 15, 0.5)
    assert projected(path) == (4.0 + 2.0 + 16 * 2.0, "by the mean of 2 full days")


def test_a_day_that_cost_more_than_the_mean_counts_as_it_is(path: Path) -> None:
    spend(path, 14, 1.0)
    spend(path, 15, 5.0)
    assert projected(path) == (1.0 + 5.0 + 16 * 1.0, "by the mean of 1 full day")


def test_the_day_on_which_it_began_is_not_a_full_one(path: Path) -> None:
    spend(path, 13, 100.0, hour=23)
    spend(path, 14, 1.0)
    assert projected(path) == (101.0 + 1.0 + 16 * 1.0, "by the mean of 1 full day")


def test_days_without_a_request_count_once_there_was_one(path: Path) -> None:
    spend(path, 20, 9.0, month=1)
    spend(path, 4, 7.0, month=2)
    now = utc("2026-02-15T12:00")
    assert projected(path, now) == (7.0 + 0.5 + 13 * 0.5, "by the mean of 14 full days")


def test_the_first_of_a_month_goes_by_its_hours(path: Path) -> None:
    spend(path, 20, 9.0, month=1)
    spend(path, 1, 1.2, month=2)
    now = utc("2026-02-01T12:00")
    assert projected(path, now) == (1.2 * 56, "by the last 12 h, no day is full yet")


def test_the_first_hours_of_all_go_by_hours_since_the_first_request(path: Path) -> None:
    enter(path, at=NOON - timedelta(hours=6), cost=0.6)
    hours_left = 16 * 24 + 12
    assert projected(path) == (
        round(0.6 + 0.1 * hours_left, 6),
        "by the last 6 h, no day is full yet",
    )


@pytest.mark.parametrize("minutes", [0, 1, 59, 60])
def test_less_than_an_hour_is_taken_for_one(path: Path, minutes: int) -> None:
    enter(path, at=NOON - timedelta(minutes=minutes), cost=0.1)
    assert projected(path)[0] == pytest.approx(0.1 * (1 + 16 * 24 + 12))


def test_the_sandbox_can_be_left_out(path: Path) -> None:
    enter(path, mode="sandbox", at=NOON - timedelta(days=4), cost=100.0)
    enter(path, mode="sandbox", at=NOON - timedelta(days=1), cost=100.0)
    spend(path, 14, 3.0)
    spend(path, 15, 0.5)
    found = projection(Ledger(path), NOON, is_sandbox=False)
    assert (found.usd, found.method) == (3.0 + 3.0 + 16 * 3.0, "by the mean of 1 full day")
    # Three full days in the sandbox, one of them without a request.
    assert projection(Ledger(path), NOON, is_sandbox=True).usd == pytest.approx(100 / 3 * 17 + 200)


def test_an_empty_ledger_costs_nothing(path: Path) -> None:
    assert projected(path)[0] == 0


def test_on_the_last_day_only_that_day_is_added(path: Path) -> None:
    spend(path, 29, 1.0)
    spend(path, 30, 1.0)
    assert projected(path, utc("2026-01-31T23:59"))[0] == 3.0
