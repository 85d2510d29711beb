import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_modules.domain import Language
from llm_modules.learning.condition_counts import ConditionCounts
from llm_modules.learning.conditions import CODES
from llm_modules.learning.patterns import (
    FALSE_DISCOVERY_RATE,
    FEWEST_TRADES,
    MOST_TOLD,
    Pattern,
    pattern_sentence,
    patterns_in,
)
from llm_modules.learning.remembered import RememberedTrade
from llm_modules.learning.significance import (
    benjamini_hochberg,
    binomial_p_value,
    bootstrap_interval,
)
from llm_modules.learning.wording import learning_phrases
from llm_modules.metrics import wilson_interval
from own_trades import own_trade

LONGEST_SENTENCE = 200
LOW, HIGH = "rsi.below_30", "rsi.above_70"


def some_trades(
    *conditions: str, wins: int, losses: int, start: int = 0, **changes: Any
) -> list[RememberedTrade]:
    """So many wins and losses under the same conditions."""
    results = [True] * wins + [False] * losses
    return [
        own_trade(start + number, won=won, conditions=conditions, **changes)
        for number, won in enumerate(results)
    ]


def name(pattern: Pattern) -> str:
    return f"{pattern.side}+{pattern.condition}" if pattern.side else pattern.condition


def counted(trades: Sequence[RememberedTrade]) -> ConditionCounts:
    counts = ConditionCounts()
    for trade in trades:
        counts.add(trade)
    return counts


def told(trades: Sequence[RememberedTrade]) -> tuple[Pattern, ...]:
    return patterns_in(counted(trades))


def found(trades: Sequence[RememberedTrade]) -> dict[str, Pattern]:
    return {name(item): item for item in told(trades)}


def p_value(pattern: Pattern) -> float:
    return binomial_p_value(pattern.wins, pattern.n, pattern.usual_win_rate)


GOOD_LONGS = some_trades(wins=40, losses=10)
BAD_SHORTS = some_trades(wins=5, losses=45, start=100, side="short")


# --- what a pattern is --------------------------------------------------------------------------


def test_a_side_that_wins_far_more_often_is_a_success_and_the_other_a_failure() -> None:
    patterns = found(GOOD_LONGS + BAD_SHORTS)
    assert {name: item.kind for name, item in patterns.items()} == {
        "side.long": "success",
        "side.short": "failure",
    }


def test_a_pattern_says_how_many_trades_how_they_ended_and_how_sure_it_is() -> None:
    short = found(GOOD_LONGS + BAD_SHORTS)["side.short"]
    assert (short.n, short.wins, short.win_rate) == (50, 5, 0.1)
    assert short.usual_win_rate == 0.45
    assert short.mean_profit_ratio == pytest.approx((5 * 0.02 - 45 * 0.01) / 50)
    assert (short.low, short.high) == wilson_interval(5, 50)
    profits = [trade.profit_ratio for trade in BAD_SHORTS]
    assert (short.mean_low, short.mean_high) == pytest.approx(bootstrap_interval(profits))
    assert short.mean_low < short.mean_profit_ratio < short.mean_high
    assert p_value(short) < 1e-6


def test_a_condition_may_matter_on_one_side_alone() -> None:
    trades = [
        *some_trades(LOW, wins=40, losses=10),
        *some_trades(HIGH, wins=10, losses=40, start=100),
        *some_trades(LOW, wins=10, losses=40, start=200, side="short"),
        *some_trades(HIGH, wins=40, losses=10, start=300, side="short"),
    ]
    assert {name: item.kind for name, item in found(trades).items()} == {
        f"long+{HIGH}": "failure",
        f"long+{LOW}": "success",
        f"short+{HIGH}": "success",
        f"short+{LOW}": "failure",
    }


def test_on_one_side_usual_is_what_that_side_usually_does() -> None:
    # Shorts fail whatever the RSI, which is no news of the RSI.
    trades = [
        *some_trades(LOW, wins=30, losses=20),
        *some_trades(HIGH, wins=30, losses=20, start=100),
        *some_trades(LOW, wins=8, losses=42, start=200, side="short"),
        *some_trades(HIGH, wins=8, losses=42, start=300, side="short"),
    ]
    assert sorted(found(trades)) == ["side.long", "side.short"]
    trades += some_trades("adx.20_25", wins=25, losses=25, start=400, side="short")
    trades += some_trades("adx.20_25", wins=30, losses=20, start=500)
    short = found(trades)["short+adx.20_25"]
    assert (short.kind, short.n, short.wins) == ("success", 50, 25)
    assert short.usual_win_rate == pytest.approx(41 / 150)


@pytest.mark.parametrize(
    ("mean_of_low", "is_told"), [(-0.01, False), (0.0049, False), (0.0051, True), (0.02, True)]
)
def test_a_group_that_wins_often_but_earns_less_than_all_is_not_told(
    mean_of_low: float, *, is_told: bool
) -> None:
    # 45 of 50 win 2 %; the 5 losses make the mean. All others have a mean of 0.5 %.
    loss = (50 * mean_of_low - 45 * 0.02) / 5
    often = [
        own_trade(number, profit_ratio=0.02 if number < 45 else loss, conditions=(LOW,))
        for number in range(50)
    ]
    trades = often + some_trades(HIGH, wins=75, losses=75, start=100)
    assert (LOW in found(trades)) is is_told


@pytest.mark.parametrize(("big_win", "is_told"), [(0.02, True), (0.9, False)])
def test_a_group_that_wins_seldom_but_earns_more_than_all_is_not_told(
    big_win: float, *, is_told: bool
) -> None:
    seldom = [
        own_trade(number, profit_ratio=big_win if number < 5 else -0.01, conditions=(LOW,))
        for number in range(50)
    ]
    trades = seldom + some_trades(HIGH, wins=75, losses=75, start=100)
    assert (LOW in found(trades)) is is_told


def test_breaking_even_counts_as_not_won() -> None:
    even = [
        trade if trade.profit_ratio > 0 else trade._replace(profit_ratio=0.0)
        for trade in GOOD_LONGS + BAD_SHORTS
    ]
    assert {item.wins for item in found(even).values()} == {40, 5}


def test_trades_that_people_ended_say_nothing() -> None:
    others = [trade._replace(is_own=False) for trade in BAD_SHORTS]
    assert found(GOOD_LONGS + others) == {}


def test_no_difference_is_no_pattern() -> None:
    trades = some_trades(wins=25, losses=25) + some_trades(wins=26, losses=24, side="short")
    assert found(trades) == {}


def test_no_trades_no_patterns() -> None:
    assert found([]) == {}


@pytest.mark.parametrize("won", [True, False])
def test_when_all_trades_ended_alike_nothing_stands_out(*, won: bool) -> None:
    trades = [own_trade(number, won=won, conditions=(LOW,)) for number in range(50)]
    assert found(trades) == {}
    spread = [
        own_trade(number, won=won, conditions=((LOW, HIGH)[number % 2],)) for number in range(50)
    ]
    assert found(spread) == {}


@pytest.mark.parametrize(("shorts", "is_told"), [(7, False), (8, True), (9, True)])
def test_a_condition_is_tested_from_eight_trades_on(shorts: int, *, is_told: bool) -> None:
    trades = some_trades(wins=95, losses=5)
    trades += some_trades(wins=0, losses=shorts, start=200, side="short")
    assert ("side.short" in found(trades)) is is_told


# --- many questions -----------------------------------------------------------------------------


def test_a_difference_that_would_count_alone_does_not_among_many_questions() -> None:
    # 16 of 50 against 50 % has p = 0.015: below 0.05 / 2 questions, above 0.05 / 10.
    alike = some_trades(wins=16, losses=34, side="short")
    others = some_trades(wins=184, losses=166, start=100)
    assert "side.short" in found(alike + others)
    spread = [
        trade._replace(
            conditions=(
                *trade.conditions,
                f"leverage.{number % 4}",
                f"hour.{number // 4 % 4}",
            ),
        )
        for number, trade in enumerate(alike + others)
    ]
    assert found(spread) == {}


def test_what_every_trade_met_is_no_question() -> None:
    # As above: with four more questions the answer would be lost among them.
    everywhere = ("adx.20_25", "trend.with_ema", "leverage.1-3x", "hour.06-12")
    alike = some_trades(*everywhere, wins=16, losses=34, side="short")
    others = some_trades(*everywhere, wins=184, losses=166, start=100)
    assert list(found(alike + others)) == ["side.short"]


def by_chance(dice: random.Random, count: int, won: Any) -> list[RememberedTrade]:
    """Trades that met one of the codes of each rule at random; `won(conditions)` says how often."""
    rules: dict[str, list[str]] = {}
    for code in CODES:
        rules.setdefault(code.partition(".")[0], []).append(code)
    del rules["side"]
    trades = []
    for number in range(count):
        side = dice.choice(["long", "short"])
        met = tuple(dice.choice(codes) for codes in rules.values())
        is_won = dice.random() < won(side, met)
        profit = abs(dice.gauss(0.02, 0.015)) * (1 if is_won else -1)
        trades.append(own_trade(number, side=side, conditions=met, profit_ratio=profit))
    return trades


@pytest.mark.parametrize(("count", "rate"), [(60, 0.5), (150, 0.45), (400, 0.3)])
def test_luck_alone_almost_never_becomes_a_pattern(count: int, rate: float) -> None:
    dice = random.Random(20260115 + count)  # noqa: S311 a fixed seed makes the test repeatable
    runs = [by_chance(dice, count, lambda *_: rate) for _ in range(100)]
    assert sum(bool(found(trades)) for trades in runs) <= 5


def test_what_was_planted_is_found_and_little_else() -> None:
    def won(side: str, met: tuple[str, ...]) -> float:
        return 0.2 if side == "short" and "timeframes.against_all" in met else 0.55

    dice = random.Random(4)  # noqa: S311 a fixed seed makes the test repeatable
    runs = [list(found(by_chance(dice, 600, won))) for _ in range(20)]
    planted = {"short+timeframes.against_all", "timeframes.against_all", "side.long", "side.short"}
    assert sum(bool(planted & set(names)) for names in runs) >= 18
    assert sum(len(set(names) - planted) for names in runs) <= 4


# --- what is told of them -----------------------------------------------------------------------


def test_the_surest_pattern_comes_first() -> None:
    trades = some_trades(wins=20, losses=2)
    trades += some_trades(wins=5, losses=60, start=100, side="short")
    p_values = list(map(p_value, told(trades)))
    assert p_values == sorted(p_values)
    assert len(p_values) == 2


@pytest.mark.parametrize(("short_wins", "kept"), [(5, LOW), (25, f"long+{LOW}")])
def test_a_condition_is_not_told_of_a_side_and_of_all_trades_at_once(
    short_wins: int, kept: str
) -> None:
    # Whichever is surer: on both sides it fails as a whole, else on the one side.
    trades = [
        *some_trades(LOW, wins=3, losses=47),
        *some_trades(HIGH, wins=35, losses=15, start=100),
        *some_trades(LOW, wins=short_wins, losses=50 - short_wins, start=200, side="short"),
        *some_trades(HIGH, wins=25, losses=25, start=300, side="short"),
    ]
    assert [name for name in found(trades) if LOW in name] == [kept]


def test_no_more_than_six_are_told() -> None:
    codes = [code for code in CODES if code.startswith(("rsi.", "leverage.", "hour."))][:10]
    trades: list[RememberedTrade] = []
    for number, code in enumerate(codes):
        wins = 48 if number % 2 else 2
        trades += some_trades(code, wins=wins, losses=50 - wins, start=100 * number)
    patterns = told(trades)
    assert len(patterns) == MOST_TOLD == 6
    assert {item.kind for item in patterns} == {"success", "failure"}


def test_the_same_trades_give_the_same_patterns_whatever_their_order() -> None:
    trades = GOOD_LONGS + BAD_SHORTS
    assert told(trades[::-1]) == told(trades)


def test_with_more_trades_than_are_kept_the_interval_is_that_of_all() -> None:
    dice = random.Random(1)  # noqa: S311 a fixed seed makes the test repeatable
    profits = [dice.gauss(0.01, 0.02) for _ in range(4000)]
    many = [
        own_trade(number, profit_ratio=profit, conditions=(LOW,))
        for number, profit in enumerate(profits)
    ]
    trades = many + some_trades(HIGH, wins=200, losses=800, start=9000)
    pattern = found(trades)[LOW]
    # The standard error of the mean of 4,000 trades is 0.02 / 63 = 0.000316.
    assert pattern.mean_profit_ratio == pytest.approx(sum(profits) / 4000, abs=1e-9)
    width = pattern.mean_high - pattern.mean_low
    assert width == pytest.approx(2 * 1.96 * 0.000316, rel=0.15)
    assert pattern.mean_low < pattern.mean_profit_ratio < pattern.mean_high


# --- in words -----------------------------------------------------------------------------------

A_PATTERN = Pattern(
    kind="failure",
    side="short",
    condition="timeframes.against_all",
    n=50,
    wins=5,
    low=0.0435,
    high=0.2136,
    mean_profit_ratio=-0.007,
    mean_low=-0.0094,
    mean_high=-0.0044,
    usual_win_rate=0.45,
)


IN_ENGLISH = (
    "short, against the trend of all timeframes: 10 % won (4-21) against 45 % of all shorts, "
    "mean -0.7 % (-0.94 % to -0.44 %), n=50."
)
IN_CHINESE = (
    "做空且逆所有周期趋势：胜率 10 %（4-21），全部做空为 45 %，"  # noqa: RUF001
    "平均收益 -0.7 %（-0.94 % 至 -0.44 %），n=50。"  # noqa: RUF001
)


@pytest.mark.parametrize(
    ("language", "kind", "sentence"),
    [
        ("en", "failure", f"Fails: {IN_ENGLISH}"),
        ("en", "success", f"Works: {IN_ENGLISH}"),
        ("zh", "failure", f"不利条件：{IN_CHINESE}"),  # noqa: RUF001
        ("zh", "success", f"有利条件：{IN_CHINESE}"),  # noqa: RUF001
    ],
)
def test_a_pattern_in_one_line(language: Language, kind: Any, sentence: str) -> None:
    pattern = replace(A_PATTERN, kind=kind)
    assert pattern_sentence(pattern, learning_phrases(language)) == sentence


def test_a_single_condition_stands_alone() -> None:
    sentence = pattern_sentence(
        replace(A_PATTERN, side=None, condition=LOW), learning_phrases("en")
    )
    assert sentence.startswith("Fails: RSI below 30: 10 % won (4-21) against 45 % of all, mean")


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("code", CODES)
def test_no_sentence_is_longer_than_200_characters(language: Language, code: str) -> None:
    pattern = replace(
        A_PATTERN,
        condition=code,
        n=1_234_567,
        mean_profit_ratio=-0.01234,
        mean_low=-0.01234,
        mean_high=-0.01234,
        low=1.0,
        high=1.0,
        wins=1_234_567,
        usual_win_rate=1.0,
    )
    sentence = pattern_sentence(pattern, learning_phrases(language))
    assert len(sentence) <= LONGEST_SENTENCE
    assert "n=1234567" in sentence


outcomes = st.lists(
    st.tuples(st.sampled_from(["long", "short"]), st.booleans(), st.sampled_from([LOW, HIGH])),
    max_size=80,
)


def told_in_full(trades: Sequence[RememberedTrade]) -> set[str]:
    """What is told when every group has its exact test: the procedure without a short cut."""
    counts = counted(trades)
    usual = {side: counts.total(side) for side in (None, "long", "short")}
    groups = [group for group in counts.groups() if FEWEST_TRADES <= group.n < usual[group.side].n]
    p_values = [binomial_p_value(g.wins, g.n, usual[g.side].win_rate) for g in groups]
    limit = benjamini_hochberg(p_values, FALSE_DISCOVERY_RATE)
    told = set()
    for group, p in zip(groups, p_values, strict=True):
        low, high = wilson_interval(group.wins, group.n)
        if p <= limit and not low <= usual[group.side].win_rate <= high:
            told.add(f"{group.side}+{group.condition}" if group.side else group.condition)
    return told


@given(outcomes)
def test_what_is_told_is_among_what_exact_tests_of_every_group_would_tell(
    rows: list[tuple[str, bool, str]],
) -> None:
    trades = [
        own_trade(number, won=won, side=side, conditions=(code,))
        for number, (side, won, code) in enumerate(rows)
    ]
    assert set(found(trades)) <= told_in_full(trades)


@given(outcomes)
def test_every_told_pattern_keeps_its_word(rows: list[tuple[str, bool, str]]) -> None:
    trades = [
        own_trade(number, won=won, side=side, conditions=(code,))
        for number, (side, won, code) in enumerate(rows)
    ]
    for pattern in told(trades):
        assert pattern.n >= 8
        usual = [trade for trade in trades if pattern.side in (None, trade.side)]
        met = [trade for trade in usual if pattern.condition in trade.conditions]
        assert (pattern.n, pattern.wins) == (len(met), sum(t.profit_ratio > 0 for t in met))
        assert not pattern.low <= pattern.usual_win_rate <= pattern.high
        is_better = pattern.win_rate > pattern.usual_win_rate
        mean = sum(trade.profit_ratio for trade in usual) / len(usual)
        assert pattern.kind == ("success" if is_better else "failure")
        assert (pattern.mean_profit_ratio - mean) * (1 if is_better else -1) > -1e-9
        assert pattern.mean_low <= pattern.mean_profit_ratio <= pattern.mean_high
