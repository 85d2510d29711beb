"""What is kept from one prompt to the next never shows: the same inputs, the same bytes."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from context.scenes import (
    WAIT,
    a_context,
    a_decision,
    a_position,
    a_risk,
    a_snapshot,
    a_trade,
    an_account,
    an_experience,
    user_text,
)
from llm_modules.context.budget import excess_weight, prompt_weight
from llm_modules.context.builder import ContextBuilder
from llm_modules.context.numbers import utc_day, utc_minute
from llm_modules.context.pages import PairView
from llm_modules.context.quoting import LONGEST_NAME, LONGEST_TEXT, one_word, quoted
from llm_modules.context.tables import Layout, history_table, timeframe_table
from llm_modules.context.wording import context_phrases
from llm_modules.dialogue import Message, Prompt, ToolSpec
from llm_modules.domain import Experience, TimeframeView
from llm_modules.market.indicators import compute
from llm_modules.weights import weight
from market.made_candles import made_candles

SNAPSHOT = a_snapshot()
ENGLISH = context_phrases("en")


def naive_weight(prompt: Prompt) -> int:
    """The weight of all that is sent, put together as it is sent."""
    offered = [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": dict(tool.parameters),
            },
        }
        for tool in prompt.tools
    ]
    sent = [*(message.content for message in prompt.messages)]
    return sum(map(weight, (*sent, json.dumps(offered, separators=(",", ":")))))


TEXTS = st.text(max_size=40)
TOOLS = st.builds(ToolSpec, TEXTS, TEXTS, st.dictionaries(TEXTS, st.integers() | TEXTS, max_size=3))


@given(texts=st.lists(TEXTS, max_size=3), tools=st.lists(TOOLS, max_size=4))
def test_a_prompt_weighs_what_is_sent(texts: Sequence[str], tools: Sequence[ToolSpec]) -> None:
    messages = tuple(Message("user", text) for text in texts)
    prompt = Prompt(messages, tuple(tools))
    assert prompt_weight(prompt) == naive_weight(prompt)


def test_tools_of_one_name_are_weighed_each_by_itself() -> None:
    short, long = ToolSpec("wait", "w", {}), ToolSpec("wait", "w" * 50, {})
    weights = [prompt_weight(Prompt((), (tool,))) for tool in (short, long, short)]
    assert weights[0] == weights[2] < weights[1]


def test_the_same_tools_in_another_offer_are_weighed_with_it() -> None:
    wait, hold = ToolSpec("wait", "w", {}), ToolSpec("hold", "h" * 50, {})
    for offer in ((wait,), (wait, hold), (wait,), (hold, wait), ()):
        prompt = Prompt((), offer)
        assert prompt_weight(prompt) == naive_weight(prompt)


@given(text=st.text() | st.text("0123456789") | st.text("界"), room=st.integers(-20, 20))
def test_a_prompt_exceeds_by_what_it_weighs_more_and_not_by_what_its_length_could_weigh(
    text: str, room: int
) -> None:
    prompt = Prompt((Message("system", "s"), Message("user", text)), (WAIT,))
    limit = naive_weight(prompt) + room
    assert excess_weight(prompt, limit) == max(0, -room)


@given(
    closes=arrays(np.float64, 12, elements=st.floats(0, 1e9) | st.just(np.nan)),
    decimals=st.integers(0, 12),
    shift=st.integers(1, 4),
)
def test_a_row_is_printed_as_numpy_rounds_it_in_whatever_table_it_stands(
    closes: np.ndarray, decimals: int, shift: int
) -> None:
    candles = replace(made_candles(rows=12), close=closes)
    layout = Layout(("close",), 8, 0)
    expected = [f"{value:.{decimals}f}".replace("nan", "-") for value in closes.round(decimals)]
    for end in (12 - shift, 12):
        view = TimeframeView(candles.taken(slice(end)), {})
        table = history_table(view, "candles", layout, decimals, ENGLISH)
        assert [line.split()[1] for line in table.lines] == expected[:end][-8:]


def test_what_is_kept_of_one_pairs_rows_is_not_told_of_another() -> None:
    layout = Layout(("close", "volume"), 8, 0)
    one, other = (TimeframeView(made_candles(rows=60, seed=seed), {}) for seed in (1, 2))

    tables = [history_table(view, "candles", layout, 2, ENGLISH) for view in (one, other, one)]

    assert tables[0] == tables[2]
    assert not set(tables[0].lines) & set(tables[1].lines)


def test_columns_are_chosen_anew_where_other_indicators_were_computed() -> None:
    candles, layout = made_candles(rows=60), Layout(("close", "rsi_14"), 2, 2)
    views = [TimeframeView(candles, compute(candles, extra)) for extra in ((), ("cci",), ())]
    views.append(TimeframeView(candles, {}))

    headers = [history_table(one, "candles", layout, 2, ENGLISH).header for one in views]

    assert headers == [
        "opened close rsi_14",
        "opened close rsi_14 cci_14_0.015",
        "opened close rsi_14",
        "opened close",
    ]


def test_a_timeframes_facts_are_its_own_in_whatever_order_they_are_told() -> None:
    facts = {f"{name}_{timeframe}": 0.0 for name in ("rsi", "adx") for timeframe in ("1h", "4h")}
    facts |= {"rsi_1h": 11.0, "rsi_4h": 44.0}
    views = [TimeframeView(made_candles(timeframe, rows=60), {}) for timeframe in ("1h", "4h")]
    tables = [
        timeframe_table(replace(SNAPSHOT, informative=tuple(order), facts=facts), (), ENGLISH)
        for order in (views, views[::-1])
    ]
    assert tables[0].lines == ("4h 44.0 0 -", "1h 11.0 0 -")
    assert tables[1].lines == tables[0].lines[::-1]


@pytest.mark.parametrize("length", [LONGEST_TEXT - 1, LONGEST_TEXT, LONGEST_TEXT + 1, 10**6])
def test_a_long_text_is_quoted_the_same_each_time(length: int) -> None:
    text = "x" * length
    assert quoted(text) == quoted(text)
    assert len(quoted(text)) == min(length, LONGEST_TEXT)


def test_texts_that_begin_alike_stay_apart() -> None:
    beginning = "same " * 10
    assert quoted(beginning + "one") != quoted(beginning + "other")
    assert quoted(beginning + "one", 20) == quoted(beginning + "other", 20)


def test_a_name_is_one_word_as_far_as_names_go() -> None:
    name = "a" * LONGEST_NAME
    assert one_word(name) == one_word(f"{name}bc") == name
    assert one_word("a b") == "a_b"


def test_the_same_moment_in_another_zone_is_printed_alike() -> None:
    at = SNAPSHOT.candle_at
    elsewhere = at.astimezone(timezone(timedelta(hours=9)))
    assert (utc_day(at), utc_minute(at)) == (utc_day(elsewhere), utc_minute(elsewhere))


def texts_of(builder: ContextBuilder, scenes: Sequence[Experience]) -> list[str]:
    account, position = an_account(), a_position()
    return [
        user_text(builder.build(PairView(SNAPSHOT, position, scene), account, (WAIT,)))
        for scene in scenes
    ]


@given(order=st.permutations(range(4)))
def test_a_prompt_does_not_depend_on_those_before(order: Sequence[int]) -> None:
    scenes = [
        Experience(),
        an_experience(4),
        Experience(decisions=tuple(a_decision(age) for age in range(1, 9))),
        Experience(decisions=tuple(a_decision(age) for age in range(2, 10)), trades=(a_trade(1),)),
    ]
    builder = ContextBuilder(a_context(), a_risk())
    first = texts_of(builder, scenes)
    again = texts_of(builder, [scenes[place] for place in order])
    assert again == [first[place] for place in order]
    assert len(set(first)) == len(scenes)


def test_a_decision_names_its_day_once_those_before_it_are_told_no_more() -> None:
    decisions = [a_decision(age, tool="signal_entry_long") for age in (26, 25, 24, 1)]
    builder = ContextBuilder(a_context(), a_risk())
    scenes = [Experience(decisions=tuple(decisions[first:])) for first in (0, 1, 2, 3, 0)]

    told = [re.findall(r"- (.*?) signal_entry_long", text) for text in texts_of(builder, scenes)]

    assert told == [
        ["01-14 23:00", "23:30", "01-15 00:00", "11:30"],
        ["01-14 23:30", "01-15 00:00", "11:30"],
        ["01-15 00:00", "11:30"],
        ["01-15 11:30"],
        told[0],
    ]


def test_a_row_of_waits_that_grows_is_told_anew() -> None:
    waits = [a_decision(age, confidence_score=50.0 + age) for age in (4, 3, 2)]
    builder = ContextBuilder(a_context(), a_risk())
    scenes = [Experience(decisions=tuple(waits[:count])) for count in (1, 2, 3, 2)]

    told = [re.findall(r"- (.*?) signal_wait (\S+),", text) for text in texts_of(builder, scenes)]

    assert told[:3] == [
        [("01-15 10:00", "54")],
        [("01-15 10:00..10:30 2x", "53-54")],
        [("01-15 10:00..11:00 3x", "52-54")],
    ]
    assert told[3] == told[1]


def test_what_changes_in_the_account_is_told() -> None:
    builder = ContextBuilder(a_context(), a_risk())
    told = [
        user_text(
            builder.build(
                PairView(SNAPSHOT, None, Experience()), an_account(equity=equity), (WAIT,)
            )
        )
        for equity in (1000.0, 1001.0, 1000.0)
    ]
    assert told[0] == told[2] != told[1]
    assert "equity=1001" in told[1]


def test_what_changes_in_the_rules_of_a_pair_is_told() -> None:
    builder = ContextBuilder(a_context(), a_risk())
    rules = SNAPSHOT.rules
    stricter = replace(SNAPSHOT, rules=replace(rules, min_notional=rules.min_notional + 1))
    told = [
        user_text(builder.build(PairView(one, None, Experience()), an_account(), (WAIT,)))
        for one in (SNAPSHOT, stricter, SNAPSHOT)
    ]
    assert told[0] == told[2] != told[1]


def test_two_trades_that_differ_in_one_number_are_told_apart() -> None:
    builder = ContextBuilder(a_context(), a_risk())
    known = a_trade(1)
    scenes = [
        Experience(trades=(known,)),
        Experience(trades=(replace(known, profit_ratio=known.profit_ratio + 0.01),)),
    ]
    one, other = texts_of(builder, scenes)
    assert one != other
