import math
from datetime import timedelta, timezone

import pytest

from builders import NOON, a_trade_record
from llm_modules.journal.gist import gist_of
from llm_modules.learning.bands import CONFIDENCE, HOURS, LEVERAGE, Bands, above, hours
from llm_modules.learning.breakdowns import TradeTally
from llm_modules.learning.remembered import remembered


@pytest.mark.parametrize(
    ("value", "name"),
    [(-math.inf, "low"), (math.nextafter(2.0, 0), "low"), (2.0, "high"), (math.inf, "high")],
)
def test_a_band_begins_with_its_start(value: float, name: str) -> None:
    assert Bands((2.0,), ("low", "high")).of(value) == name


def test_above_a_value_is_the_next_number() -> None:
    assert above(3.0) == math.nextafter(3.0, 4.0) > 3.0


@pytest.mark.parametrize("names", [HOURS, LEVERAGE.names, CONFIDENCE.names])
def test_sorted_by_name_bands_come_in_the_order_of_their_numbers(names: tuple[str, ...]) -> None:
    assert sorted(("unknown", *reversed(names))) == [*names, "unknown"]


def test_hours_are_those_of_utc() -> None:
    east = timezone(timedelta(hours=8))
    assert hours(NOON.astimezone(east)) == hours(NOON) == "12-18"


def test_patterns_and_statistics_name_the_bands_of_a_trade_alike() -> None:
    trade = remembered(gist_of(a_trade_record(leverage=12.0)))
    tally = TradeTally(30)
    tally.add(trade)
    found = tally.statistics()
    for rule, groups in (
        ("leverage", found.by_leverage),
        ("confidence", found.by_confidence),
        ("hour", found.by_hour),
    ):
        (name,) = groups
        assert f"{rule}.{name}" in trade.conditions
