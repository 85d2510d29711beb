"""The whole prompt as recorded: a change of wording or layout is seen in review.

A file that is missing is written and the test fails once: delete a golden file to renew it.
"""

from pathlib import Path

import pytest

from context.scenes import a_context, a_position, a_prompt, an_experience
from llm_modules.domain import OpenPosition, Prompt

GOLDEN = Path(__file__).parent / "golden"
CONTEXT = a_context(include_multi_timeframe_data=True, multi_timeframe_history={"1h": 3, "4h": 2})


def as_text(prompt: Prompt) -> str:
    return "".join(f"=== {message.role}\n{message.content}\n" for message in prompt.messages)


@pytest.mark.parametrize(
    ("file_name", "position"), [("flat.txt", None), ("in_position.txt", a_position())]
)
def test_the_prompt_is_the_recorded_one(file_name: str, position: OpenPosition | None) -> None:
    path = GOLDEN / file_name
    text = as_text(a_prompt(position, an_experience(2), context=CONTEXT))

    if not path.exists():
        path.write_text(text, encoding="utf-8")
        pytest.fail(f"{file_name} was missing and is written: read it, then run again")
    assert text == path.read_text(encoding="utf-8")
