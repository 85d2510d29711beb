"""Habits: each is found at its limit and not below it, and each of them ends."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import NOON, PAIR, a_decision_record
from llm_modules.domain import Habit, Language
from llm_modules.journal.records import DecisionRecord
from llm_modules.learning.quality import RULES, DecisionQualityChecker
from llm_modules.learning.remembered import RememberedTrade
from llm_modules.learning.wording import learning_phrases
from own_trades import own_trade

CANDLE = timedelta(minutes=30)
LONG, SHORT, HOLD = "signal_entry_long", "signal_entry_short", "signal_hold"
LONGEST_TEXT = 200

Story = list[dict[str, Any]]


# --- scenes -------------------------------------------------------------------------------------


def a_hold(reason: str = "", **changes: Any) -> dict[str, Any]:
    """A hold of position 7; without a reason, one that no other decision gives."""
    held = {"tool": HOLD, "stance": "in_position", "trade_id": 7, "profit_ratio": 0.01}
    return held | {"reason": reason} | changes


def an_entry(tool: str, **changes: Any) -> dict[str, Any]:
    return {"tool": tool, **changes}


def a_wait(**changes: Any) -> dict[str, Any]:
    return {"tool": "signal_wait", **changes}


def at_candle(number: int) -> datetime:
    return NOON + number * CANDLE


def told(story: Story) -> tuple[DecisionRecord, ...]:
    """One decision per candle, two seconds after it closed."""
    records = []
    for number, item in enumerate(story):
        reason = item.get("reason") or f"reason number {number}"
        values = {
            "decision_id": f"d-{number}",
            "at": at_candle(number) + timedelta(seconds=2),
            "candle_at": at_candle(number),
            "call": {"confidence_score": 60.0, "reason": reason},
        }
        changes = {name: value for name, value in item.items() if name != "reason"}
        records.append(a_decision_record(**(values | changes)))
    return tuple(records)


def habits_of(
    story: Story,
    trades: Sequence[RememberedTrade] = (),
    before: datetime | None = None,
    language: Language = "en",
) -> dict[str, Habit]:
    """What is found at the candle after the last decision of the story, by code."""
    before = before or at_candle(len(story))
    checker = DecisionQualityChecker(learning_phrases(language))
    found = checker.habits(told(story), trades, before)
    return {habit.code: habit for habit in found}


def traded(number: int, confidence: float | None, profit_ratio: float, **changes: Any) -> Any:
    values = {
        "closed_at": NOON - timedelta(hours=100 - number),
        "confidence_score": confidence,
        "profit_ratio": profit_ratio,
    }
    return own_trade(1000 + number, **(values | changes))


def some_trades(count: int, wins: int, confidence: float) -> list[RememberedTrade]:
    results = [0.02] * wins + [-0.02] * (count - wins)
    return [traded(number, confidence, result) for number, result in enumerate(results)]


STUCK = [a_hold("wait for it", profit_ratio=0.04 * number) for number in range(5)]
FLIPS = [an_entry(tool) for tool in (LONG, SHORT, LONG, SHORT)]
FADING = [a_hold(profit_ratio=profit) for profit in (0.10, 0.09, 0.08, 0.04)]
IDLE = [a_hold() for _ in range(6)]


def test_without_a_past_there_are_no_habits() -> None:
    assert habits_of([]) == {}


def test_varied_decisions_are_no_habit() -> None:
    story = [a_wait(), an_entry(LONG), a_hold(), a_hold(profit_ratio=0.05), a_wait()]

    assert habits_of(story, some_trades(20, 12, 60)) == {}


# --- the same reason ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("times", "code"), [(2, None), (3, "REPEATED_REASON"), (4, "REPEATED_REASON"), (5, "STUCK")]
)
def test_the_same_reason_is_repeated_from_three_holds_and_stuck_from_five(
    times: int, code: str | None
) -> None:
    found = habits_of(STUCK[:times])

    assert list(found) == ([code] if code else [])
    assert all(habit.serious is (code == "STUCK") for habit in found.values())


def test_the_finding_tells_its_numbers_and_what_to_do() -> None:
    assert habits_of([a_hold(), *STUCK[:3]])["REPEATED_REASON"].text == (
        "3 of your last 4 decisions held this position for the same reason: "
        "say what changed, or act."
    )


@pytest.mark.parametrize(
    ("reasons", "is_found"),
    [
        (("Wait for it!", "wait  for it", "WAIT, for it."), True),
        (("RSI 55, wait", "RSI 55 - wait", "rsi 55; wait"), True),
        (("Draußen warten", "DRAUSSEN WARTEN", "draussen warten"), True),
        (("RSI 55, wait", "RSI 56, wait", "RSI 57, wait"), False),
        (("...", "!", "?!"), False),
        (("x" * 500 + "a", "x" * 500 + "b", "x" * 500 + "c"), True),
        (("x" * 499 + "a", "x" * 499 + "b", "x" * 499 + "c"), False),
    ],
)
def test_reasons_are_compared_by_their_words_and_numbers(
    reasons: tuple[str, ...], *, is_found: bool
) -> None:
    story = [a_hold(reason, profit_ratio=0.05 * n) for n, reason in enumerate(reasons)]

    assert ("REPEATED_REASON" in habits_of(story)) is is_found


@pytest.mark.parametrize("reason", [None, 3.0, ""])
def test_a_reason_that_is_none_or_a_number_is_read_as_text(reason: str | float | None) -> None:
    story = [a_hold(call={"reason": reason}) for _ in range(3)]

    assert ("REPEATED_REASON" in habits_of(story)) is (reason == 3.0)


@pytest.mark.parametrize(("others", "is_found"), [(12, True), (13, False)])
def test_only_the_last_15_decisions_count(others: int, *, is_found: bool) -> None:
    story = STUCK[:3] + [a_hold(profit_ratio=0.05 * (n % 2)) for n in range(others)]

    assert ("REPEATED_REASON" in habits_of(story)) is is_found


def test_waiting_for_the_same_reason_costs_nothing_and_is_no_habit() -> None:
    assert habits_of([a_wait(reason="no edge") for _ in range(15)]) == {}


def test_the_reason_of_another_action_is_not_counted() -> None:
    story = [*STUCK[:2], a_hold("wait for it", tool="adjust_position"), a_hold()]

    assert "REPEATED_REASON" not in habits_of(story)


def test_holds_of_an_earlier_position_do_not_count() -> None:
    assert habits_of([*STUCK, a_hold("wait for it", trade_id=8)]) == {}


# --- no progress --------------------------------------------------------------------------------


@pytest.mark.parametrize(("holds", "is_found"), [(5, False), (6, True), (7, True)])
def test_six_holds_without_progress_are_a_habit(holds: int, *, is_found: bool) -> None:
    found = habits_of([a_hold() for _ in range(holds)])

    assert ("NO_PROGRESS" in found) is is_found


@pytest.mark.parametrize(
    ("low", "high", "is_found"),
    [
        (0.01, 0.0399, True),
        (0.01, 0.04, False),
        (0.02, 0.05, False),
        # As floats they are a little less apart.
        (0.28, 0.31, False),
        (-0.02, 0.0101, False),
    ],
)
def test_three_points_are_progress_whichever_way(
    low: float, high: float, *, is_found: bool
) -> None:
    rising = [a_hold(profit_ratio=low), *[a_hold(profit_ratio=high) for _ in range(5)]]

    assert ("NO_PROGRESS" in habits_of(rising)) is is_found
    assert ("NO_PROGRESS" in habits_of(rising[::-1])) is is_found


def test_only_the_newest_holds_must_be_without_progress() -> None:
    found = habits_of([a_hold(profit_ratio=-0.2), *IDLE, a_hold(profit_ratio=0.015)])

    assert found["NO_PROGRESS"].text == (
        "You held this position 7 times while its profit moved by 0.5 points: "
        "ask whether the thesis still pays for the wait."
    )
    assert not found["NO_PROGRESS"].serious


def test_lines_without_a_profit_and_decisions_that_failed_are_passed_over() -> None:
    gaps = [a_hold(profit_ratio=None), a_hold(tool=None, status="failed", call={})]

    assert "NO_PROGRESS" not in habits_of([*IDLE[:5], *gaps])
    assert "NO_PROGRESS" in habits_of([*IDLE[:5], *gaps, *IDLE[:1]])


@pytest.mark.parametrize("tool", ["adjust_position", "signal_exit"])
@pytest.mark.parametrize(
    ("status", "is_found"), [("approved", False), ("clamped", False), ("refused", True)]
)
def test_an_action_ends_it_unless_it_was_refused(tool: str, status: str, *, is_found: bool) -> None:
    story = [*IDLE, a_hold(tool=tool, status=status), a_hold()]

    assert ("NO_PROGRESS" in habits_of(story)) is is_found


# --- erosion ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("profits", "is_found"),
    [
        ((0.10, 0.08, 0.04), False),
        ((0.10, 0.08, 0.06, 0.04), True),
        ((0.10, 0.08, 0.06, 0.05), False),
        ((0.10, 0.08, 0.06, 0.0499), True),
        ((0.10, 0.08, 0.06, 0.06), False),
        ((0.10, 0.08, 0.08, 0.04), False),
        ((0.05, 0.10, 0.08, 0.04), False),
        ((0.05, 0.10, 0.08, 0.07, 0.04), True),
        ((0.10, 0.08, 0.06, 0.055, 0.045), True),
        ((0.0, -0.01, -0.02, -0.03), False),
        ((0.001, -0.01, -0.02, -0.03), True),
        ((0.10, 0.08, None, 0.06, 0.04), True),
    ],
)
def test_four_falling_profits_to_below_half_of_the_first_are_erosion(
    profits: tuple[float | None, ...], *, is_found: bool
) -> None:
    found = habits_of([a_hold(profit_ratio=profit) for profit in profits])

    assert ("EROSION" in found) is is_found


def test_erosion_tells_from_where_to_where_and_is_a_hint() -> None:
    found = habits_of([a_hold(profit_ratio=0.02), *FADING])["EROSION"]

    assert not found.serious
    assert found.text == (
        "The profit of this position fell over 4 decisions, from +10 % to +4 %: "
        "protect what is left, or say why it will return."
    )


# --- flip-flop ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tools", "is_found"),
    [
        ((LONG, SHORT, LONG), False),
        ((LONG, SHORT, LONG, SHORT), True),
        ((SHORT, LONG, SHORT, LONG, SHORT), True),
        ((LONG, LONG, SHORT, SHORT, LONG), False),
        ((LONG, LONG, SHORT, SHORT, LONG, SHORT), True),
    ],
)
def test_three_reversals_among_approved_entries_are_a_flip_flop(
    tools: tuple[str, ...], *, is_found: bool
) -> None:
    found = habits_of([an_entry(tool) for tool in tools])

    assert list(found) == ["FLIP_FLOP"] * is_found
    assert all(habit.serious for habit in found.values())


def test_a_flip_flop_tells_its_numbers() -> None:
    assert habits_of([a_wait(), *FLIPS])["FLIP_FLOP"].text == (
        "Your last 4 entries in this pair changed side 3 times within 5 decisions: "
        "wait for one direction to prove itself."
    )


@pytest.mark.parametrize(
    ("status", "is_found"),
    [("approved", True), ("clamped", True), ("refused", False), ("failed", False)],
)
def test_only_entries_that_were_let_through_count(status: str, *, is_found: bool) -> None:
    story = [*FLIPS[:3], an_entry(SHORT, status=status)]

    assert ("FLIP_FLOP" in habits_of(story)) is is_found


@pytest.mark.parametrize(("waits", "is_found"), [(20, True), (21, False)])
def test_a_flip_flop_ends_as_decisions_pass(waits: int, *, is_found: bool) -> None:
    story = FLIPS + [a_wait() for _ in range(waits)]

    assert ("FLIP_FLOP" in habits_of(story)) is is_found


def test_refused_entries_end_a_flip_flop_whatever_they_say() -> None:
    refused = an_entry(LONG, status="refused", reason="again")

    assert "FLIP_FLOP" not in habits_of(FLIPS + [refused] * 21)


@pytest.mark.parametrize(("seconds", "is_found"), [(2, True), (3, False)])
def test_a_flip_flop_ends_after_a_day_even_if_nothing_was_decided(
    seconds: int, *, is_found: bool
) -> None:
    before = NOON + timedelta(hours=24, seconds=seconds)

    assert ("FLIP_FLOP" in habits_of(FLIPS, before=before)) is is_found


# --- over-trading -------------------------------------------------------------------------------


@pytest.mark.parametrize(("entries", "is_found"), [(9, False), (10, True), (11, True)])
def test_ten_entries_are_too_many(entries: int, *, is_found: bool) -> None:
    assert ("OVER_TRADING" in habits_of([an_entry(LONG)] * entries)) is is_found


@pytest.mark.parametrize(("waits", "is_found"), [(40, True), (41, False)])
def test_only_the_last_50_decisions_count(waits: int, *, is_found: bool) -> None:
    found = habits_of([an_entry(LONG)] * 10 + [a_wait()] * waits)

    assert ("OVER_TRADING" in found) is is_found
    if is_found:
        assert not found["OVER_TRADING"].serious
        assert found["OVER_TRADING"].text == (
            "10 of your last 50 decisions in this pair were entries: "
            "each costs fees, so take fewer and better ones."
        )


def test_refused_entries_cost_nothing_and_are_not_counted() -> None:
    assert habits_of([an_entry(LONG, status="refused")] * 50) == {}


# --- overconfidence -----------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "is_found"), [(9, False), (10, True), (11, True)])
def test_ten_trades_are_needed_to_judge_confidence(count: int, *, is_found: bool) -> None:
    assert ("OVERCONFIDENT" in habits_of([], some_trades(count, 0, 90))) is is_found


@pytest.mark.parametrize(
    # Of 10 trades with 5 won, the Wilson interval ends at 0.763410.
    ("confidence", "is_found"),
    [(91.34, False), (91.3410, False), (91.3411, True), (100.0, True)],
)
def test_confidence_15_points_above_what_the_win_rate_can_be_is_too_much(
    confidence: float, *, is_found: bool
) -> None:
    assert ("OVERCONFIDENT" in habits_of([], some_trades(10, 5, confidence))) is is_found


def test_overconfidence_tells_confidence_wins_and_what_they_speak_for() -> None:
    found = habits_of([], some_trades(20, 5, 85.5))["OVERCONFIDENT"]

    assert not found.serious
    assert found.text == (
        "Your last 20 trades in this pair had a mean confidence of 85.5 and 5 of them won, "
        "which speaks for 47 % at most: be less sure."
    )


@pytest.mark.parametrize("unknown", [{"confidence_score": None}, {"is_own": False}])
def test_trades_that_say_nothing_of_confidence_do_not_count(unknown: dict[str, Any]) -> None:
    others = [traded(number, 90, -0.02, **unknown) for number in range(20)]

    assert habits_of([], others) == {}
    assert habits_of([], others + some_trades(9, 0, 90)) == {}
    assert "10 trades" in habits_of([], others + some_trades(10, 0, 90))["OVERCONFIDENT"].text


def test_overconfidence_ends_with_50_other_trades() -> None:
    lost = some_trades(30, 0, 95)
    humble = [traded(number, 55, 0.02 * (-1) ** number) for number in range(50)]

    assert "OVERCONFIDENT" in habits_of([], lost)
    assert habits_of([], lost + humble) == {}


def test_as_many_other_trades_are_another_confidence() -> None:
    checker = DecisionQualityChecker(learning_phrases("en"))

    def found(wins: int) -> list[str]:
        return [habit.code for habit in checker.habits([], some_trades(20, wins, 90), NOON)]

    assert (found(0), found(20), found(0)) == (["OVERCONFIDENT"], [], ["OVERCONFIDENT"])


# --- the open position, order, and the end of every habit ----------------------------------------


@pytest.mark.parametrize("code", ["STUCK", "EROSION", "NO_PROGRESS"])
@pytest.mark.parametrize(
    "trade",
    [
        own_trade(7, closed_at=at_candle(10)),
        own_trade(7, closed_at=at_candle(9), is_own=False),
    ],
)
def test_habits_of_a_position_end_with_it(code: str, trade: RememberedTrade) -> None:
    held = {"STUCK": [*STUCK, *STUCK], "EROSION": [*IDLE, *FADING], "NO_PROGRESS": IDLE + IDLE[:4]}
    story = held[code]

    assert code in habits_of(story)
    assert code not in habits_of([*story, a_wait()])
    assert code not in habits_of(story, [trade])


def test_an_earlier_trade_of_the_same_number_is_another_one() -> None:
    earlier = own_trade(7, closed_at=at_candle(4) - timedelta(seconds=1))
    other = own_trade(8, closed_at=at_candle(5))

    assert "STUCK" in habits_of(STUCK, [earlier, other])


@pytest.mark.parametrize(
    ("story", "code", "ending"),
    [
        (STUCK, "STUCK", [a_hold(profit_ratio=0.05 * (n % 2)) for n in range(11)]),
        (STUCK[:3], "REPEATED_REASON", [a_hold(profit_ratio=0.05 * (n % 2)) for n in range(13)]),
        (IDLE, "NO_PROGRESS", [a_hold(profit_ratio=0.041)]),
        (FADING, "EROSION", [a_hold(profit_ratio=0.04)]),
        (FLIPS, "FLIP_FLOP", [a_wait()] * 21),
        ([an_entry(LONG)] * 10, "OVER_TRADING", [a_wait()] * 41),
    ],
)
def test_every_habit_ends_and_not_one_decision_earlier(
    story: Story, code: str, ending: Story
) -> None:
    assert code in habits_of(story)
    assert code in habits_of(story + ending[:-1])
    assert code not in habits_of(story + ending)


def test_serious_habits_come_first() -> None:
    story = [*FLIPS, *STUCK[:3], *FADING]

    found = habits_of(story)

    assert list(found) == ["FLIP_FLOP", "REPEATED_REASON", "EROSION"]


EACH: list[tuple[Story, list[RememberedTrade]]] = [
    (STUCK, []),
    (STUCK[:3], []),
    (FLIPS, []),
    (FADING, []),
    (IDLE, []),
    ([an_entry(LONG)] * 10, []),
    ([], some_trades(10, 0, 90)),
]
CODES = {
    "STUCK",
    "REPEATED_REASON",
    "FLIP_FLOP",
    "EROSION",
    "NO_PROGRESS",
    "OVER_TRADING",
    "OVERCONFIDENT",
}


def test_every_code_is_documented_by_the_rules() -> None:
    codes = {code for story, trades in EACH for code in habits_of(story, trades)}

    assert codes == CODES
    assert len(RULES) == len(codes) - 1


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_code_has_its_sentence_and_no_sentence_is_left_over(language: Language) -> None:
    keys = [key for key in learning_phrases(language) if key.startswith("habits.")]

    assert {key.removeprefix("habits.") for key in keys} == CODES


def test_in_chinese_each_habit_is_the_same_finding_in_other_words() -> None:
    for story, trades in EACH:
        english, chinese = habits_of(story, trades), habits_of(story, trades, language="zh")
        assert list(english) == list(chinese)
        for code, habit in chinese.items():
            assert habit.serious is english[code].serious
            assert numbers_in(habit.text) == numbers_in(english[code].text), code


def numbers_in(text: str) -> list[str]:
    return sorted(re.findall(r"[+-]?[0-9.]*[0-9]", text))


def test_a_habit_in_chinese() -> None:
    assert habits_of(FADING, language="zh")["EROSION"].text == (
        "该持仓的浮盈连续 4 次决策回落，从 +10 % 降至 +4 %：请保护剩余利润，或说明为何会回升。"  # noqa: RUF001
    )


# --- whatever the journals hold -----------------------------------------------------------------

finite = st.floats(allow_nan=False, allow_infinity=False)
decisions = st.lists(
    st.fixed_dictionaries(
        {
            "tool": st.sampled_from(
                [None, LONG, SHORT, HOLD, HOLD, "signal_wait", "signal_exit", "adjust_position"]
            ),
            "status": st.sampled_from(["approved", "clamped", "refused", "failed"]),
            "trade_id": st.sampled_from([None, 7, 7, 7, 8]),
            "profit_ratio": st.none() | st.sampled_from([0.0, 0.01, 0.02, -0.01]) | finite,
            "call": st.dictionaries(
                st.just("reason"), st.none() | finite | st.sampled_from(["a", "b"]) | st.text()
            ),
        }
    ),
    max_size=60,
)
trades_drawn = st.lists(
    st.builds(traded, st.integers(0, 400), finite, finite, is_own=st.booleans())
    | st.builds(own_trade, st.just(7), confidence_score=st.none()),
    max_size=60,
)


@given(decisions, trades_drawn, st.sampled_from(["en", "zh"]))
@settings(deadline=None)
def test_no_list_of_records_makes_it_raise(
    story: Story, trades: list[RememberedTrade], language: Language
) -> None:
    for habit in habits_of(story, trades, language=language).values():
        assert habit.text.endswith((".", "。"))
        assert len(habit.text) <= LONGEST_TEXT


def serious(story: Story) -> list[str]:
    return [habit.code for habit in habits_of(story).values() if habit.serious]


idlers: list[Callable[[], dict[str, Any]]] = [
    a_wait,
    lambda: an_entry(LONG, status="refused", reason="again"),
    lambda: an_entry(SHORT, status="refused"),
    lambda: {"tool": None, "status": "failed", "call": {}},
]


@given(decisions, st.lists(st.sampled_from(idlers), min_size=21, max_size=21))
@settings(deadline=None)
def test_no_habit_refuses_a_flat_pair_for_longer_than_21_decisions(
    story: Story, after: list[Callable[[], dict[str, Any]]]
) -> None:
    assert serious(story + [idle() for idle in after]) == []


@given(decisions)
@settings(deadline=None)
def test_stuck_never_refuses_the_entry_after_the_position(story: Story) -> None:
    assert "STUCK" not in serious([*story, a_wait()])


@given(decisions)
@settings(deadline=None)
def test_the_same_records_give_the_same_habits_and_are_not_changed(story: Story) -> None:
    records = told(story)
    checker = DecisionQualityChecker(learning_phrases("en"))
    first = checker.habits(records, (), at_candle(99))

    checker.habits(records[:3], some_trades(10, 0, 99), NOON)

    assert checker.habits(records, (), at_candle(99)) == first
    assert all(record.pair == PAIR for record in records)


@given(
    entered=st.tuples(*2 * [st.lists(st.booleans(), min_size=90, max_size=90)]),
    asked=st.lists(st.tuples(st.integers(0, 1), st.integers(1, 90)), max_size=20),
)
@settings(deadline=None, max_examples=30)
def test_going_on_from_candle_to_candle_counts_what_a_first_look_counts(
    entered: tuple[list[bool], list[bool]], asked: list[tuple[int, int]]
) -> None:
    """Two pairs asked about in turns and then anyhow: the entries told are those of the last 50."""
    pairs = [
        told([an_entry(LONG, pair=pair) if one else a_wait(pair=pair) for one in ones])
        for pair, ones in zip("AB", entered, strict=True)
    ]
    checker = DecisionQualityChecker(learning_phrases("en"))
    for place, end in [(place, end) for end in range(1, 91) for place in (0, 1)] + asked:
        habits = checker.habits(pairs[place][:end], (), at_candle(end))
        entries = sum(entered[place][:end][-50:])
        assert [habit.code for habit in habits] == ["OVER_TRADING"] * (entries >= 10)
        assert all(f"{entries} " in habit.text for habit in habits)


def test_asked_about_the_same_decisions_again_nothing_counts_twice() -> None:
    records = told([an_entry(LONG)] * 11)
    checker = DecisionQualityChecker(learning_phrases("en"))
    told_at = [checker.habits(records[:end], (), at_candle(end)) for end in (10, 11, 11)]
    first_look = DecisionQualityChecker(learning_phrases("en"))
    assert told_at[1:] == [first_look.habits(records, (), at_candle(11))] * 2


def test_an_entry_that_has_left_the_last_decisions_counts_no_more() -> None:
    """Ten entries, then waits: the habit is told until the first entry is the 51st decision."""
    records = told([an_entry(LONG)] * 10 + [a_wait()] * 42)
    checker = DecisionQualityChecker(learning_phrases("en"))
    ends = [
        end
        for end in range(1, len(records) + 1)
        if checker.habits(records[:end], (), at_candle(end + 60))
    ]
    assert ends == list(range(10, 51))


def test_of_each_pair_only_the_last_look_is_kept() -> None:
    checker = DecisionQualityChecker(learning_phrases("en"))
    for end in range(1, 200):
        for pair in ("A", "B"):
            checker.habits(told([a_wait(pair=pair)] * end), (), at_candle(end))
    assert {pair: len(kept.decisions) for pair, kept in checker._entries.items()} == {
        "A": 50,
        "B": 50,
    }
