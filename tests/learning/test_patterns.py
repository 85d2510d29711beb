import random
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOON, a_trade_record
from llm_modules.journal.records import TradeRecord
from llm_modules.learning.history import HistoricalQueryEngine
from llm_modules.learning.pattern_memory import PatternMemory
from llm_modules.learning.patterns import ConditionCounts, Pattern, PatternAnalyzer
from llm_modules.metrics import wilson_interval


def a_trade(number: int, *, won: bool, **changes: Any) -> TradeRecord:
    """Trade `number`, closed so many hours after noon; it won 2 % or lost 1 %."""
    at = NOON + timedelta(hours=number)
    values = {
        "trade_id": number,
        "opened_at": at.replace(hour=12) - timedelta(days=1),
        "closed_at": at,
        "profit_ratio": 0.02 if won else -0.01,
        "entry": None,
    }
    return a_trade_record(**(values | changes))


def a_history(side_wins: dict[str, tuple[int, int]]) -> list[TradeRecord]:
    """So many wins and losses per side, alike in everything else."""
    results = [
        (side, won)
        for side, (wins, losses) in side_wins.items()
        for won in [True] * wins + [False] * losses
    ]
    return [a_trade(number, won=won, side=side) for number, (side, won) in enumerate(results)]


def found_conditions(patterns: tuple[Pattern, ...]) -> list[str]:
    return [pattern.condition for pattern in patterns]


def test_a_side_that_loses_far_more_often_is_a_pattern() -> None:
    records = a_history({"long": (40, 10), "short": (5, 45)})
    found = PatternAnalyzer().patterns(records)
    assert sorted(found_conditions(found)) == ["side long", "side short"]


def test_a_pattern_says_how_many_trades_how_they_ended_and_how_sure_it_is() -> None:
    records = a_history({"long": (40, 10), "short": (5, 45)})
    short = next(
        pattern
        for pattern in PatternAnalyzer().patterns(records)
        if pattern.condition == "side short"
    )
    assert (short.n, short.wins, short.win_rate) == (50, 5, 0.1)
    assert short.overall_win_rate == 0.45
    assert short.mean_profit_ratio == pytest.approx((5 * 0.02 - 45 * 0.01) / 50)
    assert (short.low, short.high) == wilson_interval(5, 50)
    assert short.p_value < 1e-6
    assert short.sentence == (
        "Trades with side short: 10% won against 45% of all, mean -0.70% "
        "(n=50, 95 % interval 4% to 21%)."
    )


def test_the_surest_pattern_comes_first() -> None:
    records = a_history({"long": (20, 2), "short": (5, 60)})
    p_values = [pattern.p_value for pattern in PatternAnalyzer().patterns(records)]
    assert p_values == sorted(p_values)
    assert len(p_values) == 2


def test_breaking_even_counts_as_not_won() -> None:
    records = a_history({"long": (40, 10), "short": (5, 45)})
    even = [
        record if record.profit_ratio > 0 else record.model_copy(update={"profit_ratio": 0.0})
        for record in records
    ]
    assert {pattern.wins for pattern in PatternAnalyzer().patterns(even)} == {40, 5}


def test_no_difference_is_no_pattern() -> None:
    assert PatternAnalyzer().patterns(a_history({"long": (25, 25), "short": (26, 24)})) == ()


def test_no_trades_no_patterns() -> None:
    assert PatternAnalyzer().patterns([]) == ()


@pytest.mark.parametrize("won", [True, False])
def test_when_all_trades_ended_alike_nothing_stands_out(*, won: bool) -> None:
    records = [a_trade(number, won=won, side="long") for number in range(50)]
    assert PatternAnalyzer().patterns(records) == ()


@pytest.mark.parametrize(("shorts", "reported"), [(7, False), (8, True), (9, True)])
def test_a_condition_is_tested_from_eight_trades_on(shorts: int, *, reported: bool) -> None:
    records = a_history({"long": (95, 5), "short": (0, shorts)})
    assert ("side short" in found_conditions(PatternAnalyzer().patterns(records))) is reported


def test_the_minimum_number_of_trades_can_be_raised() -> None:
    records = a_history({"long": (95, 5), "short": (0, 8)})
    assert "side short" in found_conditions(PatternAnalyzer(8).patterns(records))
    assert "side short" not in found_conditions(PatternAnalyzer(9).patterns(records))


def test_a_difference_that_would_count_alone_does_not_among_many_questions() -> None:
    # 16 of 50 against 50 % has p = 0.015: below 0.05 / 2 questions, above 0.05 / 10.
    alike = [a_trade(number, won=number < 16, side="short") for number in range(50)]
    others = [a_trade(100 + number, won=number < 184, side="long") for number in range(350)]
    alone = PatternAnalyzer().patterns(alike + others)
    assert "side short" in found_conditions(alone)
    spread = [
        record.model_copy(
            update={
                "leverage": (1.0, 4.0, 8.0, 20.0)[number % 4],
                "opened_at": record.opened_at + timedelta(hours=6 * (number // 4 % 4)),
            }
        )
        for number, record in enumerate(alike + others)
    ]
    assert "side short" not in found_conditions(PatternAnalyzer().patterns(spread))


def test_luck_alone_almost_never_becomes_a_pattern() -> None:
    dice = random.Random(20260115)  # noqa: S311 a fixed seed makes the test repeatable
    reports = 0
    for _ in range(100):
        records = [
            a_trade(
                number,
                won=dice.random() < 0.5,
                side=dice.choice(["long", "short"]),
                leverage=dice.choice([2.0, 4.0, 8.0, 20.0]),
                opened_at=NOON + timedelta(hours=dice.randrange(24)),
            )
            for number in range(120)
        ]
        reports += bool(PatternAnalyzer().patterns(records))
    assert reports <= 5


outcomes = st.lists(
    st.tuples(st.sampled_from(["long", "short"]), st.booleans(), st.sampled_from([2.0, 8.0, 20.0])),
    max_size=60,
)


@given(outcomes)
def test_every_reported_interval_leaves_the_overall_win_rate_out(
    rows: list[tuple[str, bool, float]],
) -> None:
    records = [
        a_trade(number, won=won, side=side, leverage=leverage)
        for number, (side, won, leverage) in enumerate(rows)
    ]
    for pattern in PatternAnalyzer().patterns(records):
        assert pattern.n >= 8
        assert not pattern.low <= pattern.overall_win_rate <= pattern.high
        assert f"n={pattern.n}" in pattern.sentence


class CountingAnalyzer(PatternAnalyzer):
    """Tells how often it was asked to judge."""

    def __init__(self) -> None:
        super().__init__()
        self.judged = 0

    def significant(self, counts: ConditionCounts) -> tuple[Pattern, ...]:
        self.judged += 1
        return super().significant(counts)


def test_patterns_are_judged_again_only_when_a_trade_has_joined() -> None:
    records = a_history({"long": (40, 10), "short": (5, 45)})
    history, analyzer = HistoricalQueryEngine(records[:-1]), CountingAnalyzer()
    memory = PatternMemory(history, analyzer)
    later = NOON + timedelta(days=30)
    assert memory.before(later) == memory.before(later)
    assert memory.before(later) == memory.before(later + timedelta(hours=1))
    assert analyzer.judged == 1
    history.add(records[-1])
    memory.add(records[-1])
    assert memory.before(later + timedelta(hours=2)) == PatternAnalyzer().patterns(records)
    assert analyzer.judged == 2


def test_a_trade_that_closes_later_waits_for_its_time() -> None:
    records = a_history({"long": (40, 10), "short": (5, 45)})
    history = HistoricalQueryEngine(records[:60])
    memory = PatternMemory(history, PatternAnalyzer())
    now = NOON + timedelta(hours=60)
    memory.before(now)
    for record in records[60:]:
        history.add(record)
        memory.add(record)
    assert memory.before(now) == PatternAnalyzer().patterns(records[:60])
    assert memory.before(NOON + timedelta(days=30)) == PatternAnalyzer().patterns(records)


def test_an_earlier_question_forgets_what_was_not_known_then() -> None:
    records = a_history({"long": (40, 10), "short": (5, 45)})
    memory = PatternMemory(HistoricalQueryEngine(records), PatternAnalyzer())
    assert len(memory.before(NOON + timedelta(days=30))) == 2
    assert memory.before(NOON + timedelta(hours=50)) == ()
    assert memory.before(NOON) == ()


@given(outcomes, st.lists(st.integers(-1, 62), min_size=1, max_size=6), st.integers(0, 60))
def test_in_whatever_order_it_is_asked_the_memory_agrees_with_a_fresh_count(
    rows: list[tuple[str, bool, float]], hours: list[int], known: int
) -> None:
    records = [
        a_trade(number, won=won, side=side, leverage=leverage)
        for number, (side, won, leverage) in enumerate(rows)
    ]
    history = HistoricalQueryEngine(records[known:])
    memory = PatternMemory(history, PatternAnalyzer())
    memory.before(NOON + timedelta(hours=hours[0]))
    for record in records[:known]:
        history.add(record)
        memory.add(record)
    for hour in hours:
        at = NOON + timedelta(hours=hour)
        fresh = PatternAnalyzer().patterns([item for item in records if item.closed_at < at])
        assert [item.sentence for item in memory.before(at)] == [item.sentence for item in fresh]
