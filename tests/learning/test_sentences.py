from collections.abc import Sequence
from dataclasses import replace

import pytest

from llm_modules.domain import Language
from llm_modules.learning.breakdowns import Breakdown, TradeStatistics
from llm_modules.learning.sentences import similar_sentence, statistics_sentence
from llm_modules.learning.similar import Neighbour
from llm_modules.learning.wording import learning_phrases, percent, price
from llm_modules.weights import tokens, weight
from own_trades import own_trade

ENGLISH, CHINESE = learning_phrases("en"), learning_phrases("zh")
MOST_TOKENS = 60


def won(wins: int, n: int) -> Breakdown:
    return Breakdown(n, wins, n - wins, 0.01, 0.02, 0.01)


SOME = TradeStatistics(
    days=30,
    whole=Breakdown(5, 3, 2, 0.0125, 0.03, 0.0125),
    profit_factor=1.5,
    expectancy=0.3,
    by_side={"long": won(3, 4), "short": won(0, 1)},
    by_hour={"00-06": won(3, 5)},
    by_regime={"ranging": won(1, 2), "trending": won(2, 3)},
    by_leverage={"1-3x": won(3, 5)},
    by_confidence={"70-84": won(3, 5)},
    by_exit_reason={"roi": won(3, 3), "stop_loss": won(0, 2)},
)
THOUSANDS = replace(
    SOME,
    whole=Breakdown(8_219, 4_412, 3_807, -0.00123456, 0.02, 0.03),
    profit_factor=0.951234,
    expectancy=-0.0345678,
    by_side={"long": won(2_204, 4_109), "short": won(2_208, 4_110)},
    by_regime={name: won(999, 1_250) for name in ("ranging", "trending", "volatile", "unknown")},
)


def neighbours(*ends: tuple[str, float]) -> Sequence[Neighbour]:
    return [
        Neighbour(own_trade(number, side=side, profit_ratio=profit), 0.1 * number)
        for number, (side, profit) in enumerate(ends)
    ]


NEAR = neighbours(
    ("short", 0.03), ("long", -0.02), ("long", 0.01), ("short", 0.012), ("long", -0.026)
)


def test_statistics_become_one_line_with_their_number_of_trades() -> None:
    assert statistics_sentence(ENGLISH, "pair", SOME) == (
        "This pair, 30 days: n=5, won 60% (long 3/4, short 0/1), mean +1.25 %, profit factor 1.5, "
        "expectancy +0.3; exits roi 3/3, stop_loss 0/2"
    )


def test_the_same_is_said_in_chinese() -> None:
    assert statistics_sentence(CHINESE, "all", SOME) == (
        "全部30天: n=5, 胜率 60% (多 3/4, 空 0/1), 均 +1.25 %, 盈利因子 1.5, "
        "期望 +0.3; 出场 roi 3/3, stop_loss 0/2"
    )


def test_the_period_is_that_of_the_statistics() -> None:
    found = str(statistics_sentence(ENGLISH, "all", replace(SOME, days=7)))
    assert found.startswith("All pairs, 7 days: ")


def test_without_trades_there_is_nothing_to_say() -> None:
    assert (
        statistics_sentence(ENGLISH, "all", replace(SOME, whole=Breakdown(0, 0, 0, 0.0, 0.0, 0.0)))
        is None
    )


@pytest.mark.parametrize(("language", "words"), [("en", "no loss"), ("zh", "无亏损")])
def test_without_a_loss_the_ratios_are_not_named(language: Language, words: str) -> None:
    lossless = replace(SOME, profit_factor=None, expectancy=None)
    found = str(statistics_sentence(learning_phrases(language), "pair", lossless))
    assert f"+1.25 %, {words}; " in found
    assert "None" not in found


def test_the_kinds_of_market_are_told_where_there_is_room() -> None:
    short = replace(SOME, profit_factor=None, expectancy=None, by_exit_reason={"roi": won(3, 5)})
    found = str(statistics_sentence(ENGLISH, "pair", short))
    assert found.endswith("; exits roi 3/5; market ranging 1/2, trending 2/3")


def test_the_three_most_frequent_exit_reasons_are_named_in_a_fixed_order() -> None:
    reasons = {name: won(1, n) for name, n in (("d", 1), ("c", 2), ("b", 2), ("a", 9))}
    found = str(statistics_sentence(ENGLISH, "pair", replace(SOME, by_exit_reason=reasons)))
    assert "; exits a 1/9, b 1/2, c 1/2" in found
    assert "d 1/1" not in found


def test_a_long_exit_reason_is_cut() -> None:
    reasons = {"stoploss_on_exchange_or_so": won(3, 5)}
    found = str(statistics_sentence(ENGLISH, "pair", replace(SOME, by_exit_reason=reasons)))
    assert found.endswith("; exits stoploss_on_exchange 3/5")


def test_rarer_exits_give_way_first() -> None:
    reasons = {f"{letter}_stop_loss": won(1, n) for letter, n in (("a", 3), ("b", 2), ("c", 1))}
    found = str(statistics_sentence(ENGLISH, "pair", replace(SOME, by_exit_reason=reasons)))
    assert found.endswith("; exits a_stop_loss 1/3, b_stop_loss 1/2")


def test_where_nothing_fits_the_line_ends_with_its_numbers() -> None:
    reasons = {f"{n}" + "x" * 250: won(9_999, 10_000 + n) for n in range(5)}
    found = str(statistics_sentence(ENGLISH, "pair", replace(THOUSANDS, by_exit_reason=reasons)))
    assert found.endswith("expectancy -0.035")


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("subject", ["pair", "all"])
@pytest.mark.parametrize("exits", ["stop_loss", "stoploss_on_exchange", "x" * 250, "止损" * 99])
@pytest.mark.parametrize("numbers", [SOME, THOUSANDS])
def test_a_line_costs_no_more_than_60_tokens(
    language: Language, subject: str, exits: str, numbers: TradeStatistics
) -> None:
    reasons = {f"{n}{exits}": won(9_999, 10_000 + n) for n in range(5)}
    many = replace(numbers, by_exit_reason=reasons)
    found = str(statistics_sentence(learning_phrases(language), subject, many))
    assert tokens(weight(found)) <= MOST_TOKENS


def test_neighbours_become_one_line_by_side() -> None:
    assert similar_sentence(ENGLISH, NEAR) == (
        "5 entries in a similar market: long won 1 of 3, mean -1.2 %; short won 2 of 2, "
        "mean +2.1 %; nearest: short +3 %"
    )


def test_neighbours_are_told_in_chinese() -> None:
    assert similar_sentence(CHINESE, NEAR) == (
        "类似行情下 5 次入场: 做多胜 1/3, 均值 -1.2 %; 做空胜 2/2, 均值 +2.1 %; "
        "最相似的一次: 做空 +3 %"
    )


@pytest.mark.parametrize(("count", "is_told"), [(0, False), (2, False), (3, True)])
def test_fewer_than_three_neighbours_are_no_experience(count: int, is_told: bool) -> None:
    assert (similar_sentence(ENGLISH, NEAR[:count]) is not None) is is_told


def test_a_side_nobody_took_is_left_out() -> None:
    found = str(similar_sentence(ENGLISH, neighbours(*[("long", -0.01)] * 3)))
    assert "short" not in found
    assert "long won 0 of 3, mean -1 %" in found


def test_breaking_even_is_not_winning() -> None:
    found = str(similar_sentence(ENGLISH, neighbours(*[("long", 0.0)] * 3)))
    assert "long won 0 of 3, mean +0 %" in found


@pytest.mark.parametrize("language", ["en", "zh"])
def test_neighbours_cost_no_more_than_60_tokens(language: Language) -> None:
    wild = neighbours(*[("long", -0.98765), ("short", 12.3456)] * 3)
    found = str(similar_sentence(learning_phrases(language), wild))
    assert tokens(weight(found)) <= MOST_TOKENS


def test_a_hostile_profit_is_told_and_does_not_crash() -> None:
    assert "inf" in str(similar_sentence(ENGLISH, neighbours(*[("long", 1.7e308)] * 3)))


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
