from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costs import utc
from llm_modules.llm.spending.periods import NOTHING, SPANS, Period, Span, Spent


@pytest.mark.parametrize(
    ("span", "at", "start", "end"),
    [
        ("day", "2026-01-15T12:00", "2026-01-15", "2026-01-16"),
        ("day", "2026-01-15T00:00", "2026-01-15", "2026-01-16"),
        ("day", "2026-01-15T23:59:59.999999", "2026-01-15", "2026-01-16"),
        ("month", "2026-01-31T12:00", "2026-01-01", "2026-02-01"),
        ("month", "2024-02-29T12:00", "2024-02-01", "2024-03-01"),
        ("month", "2026-12-01T00:00", "2026-12-01", "2027-01-01"),
    ],
)
def test_a_time_lies_in_its_day_and_month(span: Span, at: str, start: str, end: str) -> None:
    assert Period.around(span, utc(at)) == Period(utc(start), utc(end))


def test_days_are_those_of_utc() -> None:
    tokyo = timezone(timedelta(hours=9))
    at = datetime(2026, 1, 1, 8, 59, tzinfo=tokyo)
    assert Period.around("day", at) == Period(utc("2025-12-31"), utc("2026-01-01"))
    assert Period.around("month", at).start == utc("2025-12-01")


@given(st.datetimes(datetime(1, 2, 1), datetime(9998, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_every_moment_has_one_period_and_the_next_one_begins_where_it_ends(at: datetime) -> None:
    for span in SPANS:
        period = Period.around(span, at)
        assert period.start <= at < period.end
        assert Period.around(span, period.start) == period
        assert Period.around(span, period.end).start == period.end


def test_spending_adds_up() -> None:
    assert Spent(10, 0.5) + Spent(5, 0.25) == Spent(15, 0.75)
    assert NOTHING + NOTHING == NOTHING
