import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_modules.backtest.report.numbers import (
    day,
    dollars,
    minute,
    money,
    percent,
    percent_decimals,
    price,
    share,
)
from llm_modules.backtest.report.plain import LONGEST_TEXT, hover, label, name, plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("as it is [0, 1] <b>", "as it is [0, 1] <b>"),
        ("two\nlines\tand a tab", "two lines and a tab"),
        ("\x1b[31mred\x07", "[31mred"),
        ("turned \u202eround\u2066 here", "turned round here"),
        ("half \ud800 a pair", "half a pair"),
        ("\u05e9\u05dc\u05d5\u05dd", "\u05e9\u05dc\u05d5\u05dd"),
        ("", "-"),
        (" \n\u200b ", "-"),
    ],
)
def test_text_from_outside_is_one_line_that_nothing_obeys(text: str, shown: str) -> None:
    assert plain(text) == shown


@pytest.mark.parametrize("length", [LONGEST_TEXT - 1, LONGEST_TEXT])
def test_text_up_to_the_limit_is_whole(length: int) -> None:
    assert plain("x" * length) == "x" * length


@pytest.mark.parametrize("length", [LONGEST_TEXT + 1, 10_000_000])
def test_longer_text_is_cut_and_says_so(length: int) -> None:
    cut = plain("x" * length)
    assert len(cut) == LONGEST_TEXT
    assert cut.endswith("x …")


@given(st.text(max_size=3000))
def test_any_text_becomes_printable_and_bounded(text: str) -> None:
    shown = plain(text)
    assert shown.isprintable()
    assert 0 < len(shown) <= LONGEST_TEXT


def test_a_name_is_shorter_than_a_reason() -> None:
    assert len(name("n" * 100)) == 64


def test_plotly_finds_no_tag_and_no_entity_in_a_label() -> None:
    assert label("<b>&amp;</b>") == "&lt;b&gt;&amp;amp;&lt;/b&gt;"


def test_the_only_tags_beside_the_pointer_are_our_own_line_breaks() -> None:
    said = hover(("first", "<a href='http://evil'>go</a><br>", "word " * 20))
    lines = said.split("<br>")
    assert lines[0] == "first"
    assert "<" not in "".join(lines)
    assert "&lt;a href='http://evil'&gt;go&lt;/a&gt;&lt;br&gt;" in " ".join(lines)
    assert all(len(line) <= 60 for line in lines)


@pytest.mark.parametrize(
    ("ratio", "shown"),
    [
        (0.0321, "+3.2 %"),
        (-0.0321, "-3.2 %"),
        (0.01, "+1.0 %"),
        (0.00999, "+1.00 %"),
        (0.0004, "+0.04 %"),
        (12.5, "+1,250.0 %"),
        (None, "-"),
        (math.nan, "-"),
        (math.inf, "-"),
    ],
)
def test_a_ratio_is_a_percentage_with_as_many_decimals_as_it_needs(
    ratio: float | None, shown: str
) -> None:
    assert percent(ratio) == shown


def test_a_ratio_without_direction_has_no_sign() -> None:
    assert percent(0.0321, signed=False) == "3.2 %"


def test_numbers_side_by_side_share_their_decimals() -> None:
    assert percent_decimals(0.001, -0.02) == 1
    assert percent_decimals(0.001, -0.002) == 2


def test_a_share_of_a_count_is_a_whole_percentage() -> None:
    assert share(0.354) == "35 %"


@pytest.mark.parametrize(
    ("amount", "shown"), [(1234.5, "+1,234.50 USDT"), (-0.004, "-0.00 USDT"), (None, "-")]
)
def test_an_amount_has_a_sign_and_its_currency(amount: float | None, shown: str) -> None:
    assert money(amount, "USDT") == shown


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (None, "unknown"),
        (0.0, "0.00 USD"),
        (0.1, "0.10 USD"),
        (0.05, "0.050 USD"),
        (0.00123, "0.0012 USD"),
        (1234.567, "1,234.57 USD"),
    ],
)
def test_a_cost_is_never_rounded_to_nothing(amount: float | None, shown: str) -> None:
    assert dollars(amount) == shown


@pytest.mark.parametrize(
    ("rate", "shown"),
    [(90_580.8, "90,580.8"), (0.0000121, "0.0000121000"), (1_234_567.0, "1,234,567")],
)
def test_a_rate_has_six_digits_and_no_exponent(rate: float, shown: str) -> None:
    assert price(rate) == shown


def test_a_rate_that_is_no_number_is_shown_as_missing() -> None:
    assert price(math.nan) == "-"


def test_times_are_of_utc_whatever_zone_they_came_in() -> None:
    at = datetime(2026, 1, 11, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert (minute(at), day(at)) == ("2026-01-10 23:30", "2026-01-10")
    assert minute(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01 00:00"
