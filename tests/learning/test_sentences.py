from dataclasses import replace

import pytest

from llm_modules.learning.history import Breakdown, TradeStatistics
from llm_modules.learning.sentences import statistics_sentence
from llm_modules.learning.wording import percent, price

SOME = TradeStatistics(
    n=5,
    wins=3,
    win_rate=0.6,
    mean_profit_ratio=0.0125,
    profit_factor=1.5,
    expectancy=0.3,
    by_side={"long": Breakdown(4, 3, 0.02), "short": Breakdown(1, 0, -0.01)},
    by_exit_reason={"stop_loss": Breakdown(2, 0, -0.02), "signal_exit": Breakdown(3, 3, 0.03)},
)


def test_statistics_become_one_sentence_with_their_number_of_trades() -> None:
    assert statistics_sentence("This pair, last 30 days", SOME) == (
        "This pair, last 30 days: n=5, won 60%, mean +1.25 %, profit factor 1.5, expectancy +0.3 "
        "of the mean loss; long won 3 of 4, short won 0 of 1; "
        "exits signal_exit won 3 of 3, stop_loss won 0 of 2."
    )


def test_without_trades_there_is_nothing_to_say() -> None:
    assert statistics_sentence("All pairs", replace(SOME, n=0)) is None


def test_without_a_loss_the_ratios_are_not_named() -> None:
    found = str(statistics_sentence("x", replace(SOME, profit_factor=None, expectancy=None)))
    assert "mean +1.25 %, no loss; long" in found
    assert "None" not in found


def test_the_three_most_frequent_exit_reasons_are_named_in_a_fixed_order() -> None:
    reasons = {name: Breakdown(n, 1, 0.0) for name, n in (("d", 1), ("c", 2), ("b", 2), ("a", 9))}
    found = str(statistics_sentence("x", replace(SOME, by_exit_reason=reasons)))
    assert found.endswith("exits a won 1 of 9, b won 1 of 2, c won 1 of 2.")


def test_a_long_exit_reason_is_cut_so_that_the_sentence_stays_short() -> None:
    reasons = {f"{n}" + "x" * 250: Breakdown(10_000 + n, 9_999, 0.0) for n in range(5)}
    many = replace(
        SOME,
        n=50_000,
        mean_profit_ratio=-0.123456,
        profit_factor=0.000123456,
        expectancy=-0.000123456,
        by_side={"long": Breakdown(50_000, 25_000, 0.1), "short": Breakdown(50_000, 25_000, 0.1)},
        by_exit_reason=reasons,
    )
    found = str(statistics_sentence("This pair, last 30 days", many))
    assert "x" * 20 not in found
    # The context quotes at most 300 characters of a sentence.
    assert len(found) <= 300


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (0.125, "+12.5 %"),
        (-0.05, "-5 %"),
        (0.0, "+0 %"),
        (0.00012345, "+0.0123 %"),
        (-0.98765, "-98.8 %"),
        (1.5, "+150 %"),
    ],
)
def test_a_percentage_has_a_sign_and_three_digits(ratio: float, text: str) -> None:
    assert percent(ratio) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (100.0, "100"),
        (87654.321, "87654.3"),
        (0.0121, "0.0121"),
        (0.0000121, "0.0000121"),
        (0.0000122, "0.0000122"),
        (1234567.8, "1234570"),
    ],
)
def test_a_price_has_six_digits_and_never_an_exponent(value: float, text: str) -> None:
    assert price(value) == text
