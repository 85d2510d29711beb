"""The parts of a prompt: every word is in one of them, and is counted as the budget counts."""

import pytest

from builders import a_prompt
from llm_modules.context.budget import prompt_weight
from llm_modules.preview.sections import sections, tool, whole
from llm_modules.weights import tokens, weight

PAGE = (
    "pair=A/B:B\nthesis\n\n"
    "<quoted 12>\n## Lessons\n- # no heading\n## Trades\n- one\n</quoted 12>\n"
    "\n# Higher timeframes\nrsi\n\n<quoted 34>\n## Habits\n- x\n</quoted 34>\n\n# Market now\n"
    "rsi=50\n\nDecide for A/B:B."
)


def names(text: str) -> list[str]:
    told = [one.name for one in sections(a_prompt(text=text))]
    assert told[0] == "system prompt"
    return told[1:-3]


def test_parts_are_named_by_their_headings_in_the_order_they_are_sent() -> None:
    assert names(PAGE) == [
        "pair",
        "past: Lessons, Trades",
        "Higher timeframes",
        "past: Habits",
        "Market now",
    ]


def test_tools_are_parts_too() -> None:
    told = [one.name for one in sections(a_prompt())]

    assert told[-3:] == ["tool signal_entry_long", "tool signal_entry_short", "tool signal_wait"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("only", ["pair"]),
        ("# First\nx", ["First"]),
        ("<quoted 1>\n## A\n- x\n</quoted 1>", ["past: A"]),
        ("<quoted 1>\n## A\n</quoted 1>\n\nand more", ["past: A", "after what is quoted"]),
        ("<quoted 1>\n# not closed", ["pair", "not closed"]),
        ("", []),
    ],
)
def test_pages_of_other_templates_have_parts_too(text: str, expected: list[str]) -> None:
    assert names(text) == expected


def test_the_parts_are_as_long_as_the_whole_but_for_what_is_rounded_and_left_blank() -> None:
    prompt = a_prompt(text=PAGE)
    parts = sections(prompt)

    assert whole(prompt) == tokens(prompt_weight(prompt))
    assert abs(sum(one.tokens for one in parts) - whole(prompt)) <= len(parts)


def test_each_part_is_counted_as_the_budget_counts() -> None:
    market = next(one for one in sections(a_prompt(text=PAGE)) if one.name == "Market now")

    assert market.tokens == tokens(weight("# Market now\nrsi=50\n\nDecide for A/B:B."))


def test_a_tool_is_told_as_servers_are_sent_it() -> None:
    spec = a_prompt().tools[0]

    assert tool(spec) == {
        "type": "function",
        "function": {
            "name": spec.name,
            "description": spec.description,
            "parameters": spec.parameters,
        },
    }
