"""The budget: never exceeded, the least valuable lines go first, the facts never do."""

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from context.scenes import (
    NOTHING,
    WAIT,
    a_context,
    a_decision,
    a_habit,
    a_position,
    a_prompt,
    a_risk,
    a_snapshot,
    a_trade,
    an_account,
    an_experience,
    table_rows,
    user_text,
)
from llm_modules.config import ContextConfig
from llm_modules.context.blocks import Block, Kind
from llm_modules.context.budget import drop, prompt_weight
from llm_modules.context.builder import ContextBuilder
from llm_modules.context.pages import PairView
from llm_modules.dialogue import Message, Prompt
from llm_modules.domain import Experience, OpenPosition
from llm_modules.errors import ContextBudgetError
from llm_modules.weights import tokens, weight

SNAPSHOT = a_snapshot()
FACT_LINES = ("4h ", "1h ", "equity=", "candle=")


def estimated_tokens(prompt: Prompt) -> int:
    return tokens(prompt_weight(prompt))


def needed_tokens(
    position: OpenPosition | None = None, context: ContextConfig | None = None
) -> int:
    """Tokens of a prompt from which everything is dropped that may be, as the error tells them."""
    smallest = (context or a_context()).model_copy(update={"max_context_tokens": 500})
    with pytest.raises(ContextBudgetError) as caught:
        build(smallest, position, NOTHING)
    return int(re.findall(r"\d+", str(caught.value))[0])


def last_notes(experience: Experience) -> list[str]:
    """The first lines of others' text that there is room for as the budget grows, fence aside."""
    for limit in range(needed_tokens(), 4_000):
        text = user_text(build(a_context(max_context_tokens=limit), None, experience))
        if "<quoted" in text:
            return text.partition("<quoted")[2].partition("</quoted")[0].splitlines()[1:]
    raise AssertionError


def build(context: ContextConfig, position: OpenPosition | None, experience: Experience) -> Prompt:
    return a_prompt(position, experience, context=context, snapshot=SNAPSHOT)


# --- the estimate -------------------------------------------------------------------------------


def test_the_messages_and_the_tools_are_counted() -> None:
    messages = (Message("system", "abc"), Message("user", "def"))
    spec = {"name": WAIT.name, "description": WAIT.description, "parameters": WAIT.parameters}
    offered = json.dumps([{"type": "function", "function": spec}], separators=(",", ":"))

    assert prompt_weight(Prompt(messages, ())) == 6 + 6 + weight("[]")
    assert prompt_weight(Prompt(messages, (WAIT,))) == 6 + 6 + weight(offered)


# --- dropping lines -----------------------------------------------------------------------------


def block(kind: Kind, count: int, width: int = 10) -> Block:
    return Block(kind, kind, tuple(f"{row:0{width}d}" for row in range(count)))


LINE = weight("0" * 10) + weight("\n")


@pytest.mark.parametrize(
    ("excess", "left"), [(1, 29), (LINE, 29), (LINE + 1, 28), (10 * LINE, 20), (10 * LINE + 1, 19)]
)
def test_no_more_lines_go_than_must(excess: int, left: int) -> None:
    (candles,) = drop([block("candles", 30)], excess)

    assert candles.lines == block("candles", 30).lines[-left:]


def test_lines_in_time_lose_the_oldest_and_sentences_the_last() -> None:
    blocks = [block(kind, 5) for kind in ("decisions", "trades", "patterns", "statistics")]

    decisions, trades, patterns, statistics = drop(blocks, 9 * LINE)

    assert decisions.lines == block("decisions", 5).lines[2:]
    assert trades.lines == block("trades", 5).lines[4:]
    assert patterns.lines == block("patterns", 5).lines[:2]
    assert statistics == blocks[3]


def test_lines_go_in_the_documented_order() -> None:
    kinds: list[Kind] = [
        "candles", "timeframes", "timeframe_candles", "decisions", "patterns", "statistics",
        "lessons", "trades", "thesis", "habits",
    ]  # fmt: skip
    blocks = tuple(block(kind, 25) for kind in kinds)
    order: list[tuple[Kind, int]] = []
    while (fewer := drop(blocks, 1)) != blocks:
        lengths = {block.kind: len(block.lines) for block in fewer}
        (changed,) = [old for old in blocks if lengths.get(old.kind, 0) != len(old.lines)]
        step = (changed.kind, lengths.get(changed.kind, 0))
        if order and order[-1][0] == changed.kind:
            order.pop()
        order.append(step)
        blocks = fewer

    assert order == [
        ("candles", 20),
        ("timeframe_candles", 3),
        ("candles", 3),
        ("decisions", 3),
        ("trades", 1),
        ("patterns", 0),
        ("statistics", 0),
        ("lessons", 1),
        ("decisions", 0),
        ("trades", 0),
        ("lessons", 0),
        ("habits", 0),
    ]
    assert {block.kind: len(block.lines) for block in blocks} == {
        "candles": 3,
        "timeframes": 25,
        "timeframe_candles": 3,
        "thesis": 25,
    }


@pytest.mark.parametrize("kind", ["habits", "lessons"])
def test_of_habits_and_lessons_the_last_goes_first_because_the_weightiest_lead(kind: Kind) -> None:
    (left,) = drop([block(kind, 3)], LINE)

    assert left.lines == block(kind, 3).lines[:2]


def test_every_table_of_the_other_timeframes_keeps_three_rows() -> None:
    blocks = [block("timeframe_candles", 9), block("timeframe_candles", 2)]

    assert [len(block.lines) for block in drop(blocks, 10**9)] == [3, 2]


def test_nothing_is_dropped_from_what_may_not_be_dropped() -> None:
    blocks = (block("thesis", 4), block("candles", 3), block("timeframes", 5))

    assert drop(blocks, 10**9) == blocks


# --- in the prompt ------------------------------------------------------------------------------


@given(
    spare=st.integers(0, 4000),
    size=st.integers(0, 40),
    rows=st.tuples(st.integers(1, 300), st.integers(0, 300)),
    timeframe_rows=st.integers(1, 60),
    is_held=st.booleans(),
    with_timeframes=st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_no_configuration_and_no_experience_exceeds_the_budget(
    *,
    spare: int,
    size: int,
    rows: tuple[int, int],
    timeframe_rows: int,
    is_held: bool,
    with_timeframes: bool,
) -> None:
    position = a_position() if is_held else None
    context = a_context(
        indicator_history_points=rows[0],
        raw_kline_history_points=rows[1],
        include_multi_timeframe_data=with_timeframes,
        multi_timeframe_history={"1h": timeframe_rows},
    )
    limit = needed_tokens(position, context) + spare
    context = context.model_copy(update={"max_context_tokens": limit})

    prompt = build(context, position, an_experience(size))

    text = user_text(prompt)
    assert estimated_tokens(prompt) <= limit
    assert prompt.messages[0] == build(a_context(), position, NOTHING).messages[0]
    assert all(f"\n{start}" in text for start in FACT_LINES)
    assert ("\nside=long " in text) is is_held
    assert ("reason: RSI turned up from 28" in text) is is_held
    assert len(table_rows(text, "Candles 30m")) > min(max(rows), 3)
    assert len(table_rows(text, "Candles 1h")) >= (min(timeframe_rows, 3) + 1) * with_timeframes


@pytest.mark.parametrize("position", [None, a_position()], ids=["flat", "in position"])
def test_the_least_budget_is_enough_and_one_token_less_is_not(
    position: OpenPosition | None,
) -> None:
    experience = an_experience(9)
    least = needed_tokens(position)

    prompt = build(a_context(max_context_tokens=least), position, experience)
    assert estimated_tokens(prompt) == least
    assert len(table_rows(user_text(prompt), "Candles 30m")) == 1 + 3
    assert "number" not in user_text(prompt)
    assert ("since entry: price" in user_text(prompt)) is (position is not None)
    with pytest.raises(ContextBudgetError) as caught:
        build(a_context(max_context_tokens=least - 1), position, experience)
    assert str(caught.value) == (
        f"the facts alone need {least} tokens: raise context_config.max_context_tokens, "
        f"now {least - 1}"
    )


def test_a_budget_that_fits_exactly_drops_nothing_and_one_token_less_drops_the_oldest_candle() -> (
    None
):
    experience = an_experience(4)
    context = a_context(raw_kline_history_points=25)
    whole = build(context, None, experience)
    exact = estimated_tokens(whole)

    fitting = build(context.model_copy(update={"max_context_tokens": exact}), None, experience)
    tight = build(context.model_copy(update={"max_context_tokens": exact - 1}), None, experience)

    assert fitting == whole
    rows = table_rows(user_text(whole), "Candles 30m")
    assert table_rows(user_text(tight), "Candles 30m") == [rows[0], *rows[2:]]
    kept = [line for line in user_text(whole).splitlines() if line != " ".join(rows[1])]
    assert user_text(tight).splitlines() == kept


def test_habits_outlast_all_other_notes() -> None:
    experience = replace(an_experience(4), habits=(a_habit(1, text="the habit"), a_habit(2)))

    assert last_notes(experience) == ["## Your recent habits", "- the habit"]


def test_the_first_lesson_is_the_last_to_go_before_the_habits() -> None:
    experience = replace(an_experience(4), habits=(), lessons=("the best lesson", "the second"))

    assert last_notes(experience) == ["## Lessons", "- the best lesson"]


def test_the_newest_trade_outlasts_older_trades_and_all_decisions() -> None:
    experience = Experience(
        trades=(a_trade(9), a_trade(1), a_trade(5)),
        decisions=(a_decision(1), a_decision(2, result="failed")),
    )

    _title, told = last_notes(experience)

    assert told.endswith(" | TAKE_PROFIT_1")


def test_a_template_that_adds_text_to_each_line_cannot_break_the_budget() -> None:
    """The bullets before quoted lines are such text: each line is a little longer than measured."""
    wordy = Experience(decisions=tuple(a_decision(age, reason="r") for age in range(1, 100)))
    least = needed_tokens()

    for spare in range(0, 1500, 50):
        context = a_context(max_context_tokens=least + spare)
        assert estimated_tokens(build(context, None, wordy)) <= least + spare


def test_the_longest_texts_and_largest_numbers_fit_a_usual_budget() -> None:
    endless = "word " * 10_000
    position = a_position(
        thesis=replace(a_position().thesis, reason=endless, invalidation=endless),
        stake_amount=1e300,
        leverage=1e300,
        profit_ratio=1e12,
    )
    experience = Experience(
        trades=tuple(a_trade(age, taught=(endless,) * 9) for age in range(1, 101)),
        decisions=tuple(a_decision(age, reason=endless, result=endless) for age in range(1, 101)),
        statistics=(endless,) * 50,
        patterns=(endless,) * 50,
        lessons=(endless,) * 50,
    )
    builder = ContextBuilder(a_context(max_context_tokens=6000), a_risk())

    prompt = builder.build(
        PairView(SNAPSHOT, position, experience), an_account(equity=1e300), (WAIT,)
    )

    assert estimated_tokens(prompt) <= 6000
    assert "Candles 30m" in user_text(prompt)
