"""The whole prompt as recorded: a change of wording or layout is seen in review.

A file that is missing is written and the test fails once: delete a golden file to renew it.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from context.scenes import a_context, a_habit, a_position, a_prompt, a_thesis, an_experience
from llm_modules.dialogue import Prompt
from llm_modules.domain import Experience, Language, OpenPosition, Thesis

GOLDEN = Path(__file__).parent / "golden"
CONTEXT = a_context(include_multi_timeframe_data=True, multi_timeframe_history={"1h": 3, "4h": 2})
CHINESE_THESIS = a_thesis(
    reason="RSI 从 28 回升, 支撑位两次守住。", invalidation="收盘价跌破 86500"
)
CHINESE_EXPERIENCE = replace(
    an_experience(2),
    decisions=tuple(
        replace(decision, reason="没有优势, 继续等待。", result="批准")
        for decision in an_experience(2).decisions
    ),
    statistics=("2 笔交易: 胜率 52 %",),
    patterns=("RSI 低于 30 时做多: 9 笔中胜 7 笔",),
    lessons=("浮盈超过 3 % 后止盈或收紧止损: 9 笔中的 5 笔, 最近一次 01-14",),
    habits=(a_habit(text="你已连续 6 次持仓观望而没有进展: 该行动了。"),),
)


def as_text(prompt: Prompt) -> str:
    return "".join(f"=== {message.role}\n{message.content}\n" for message in prompt.messages)


@pytest.mark.parametrize("is_held", [False, True], ids=["flat", "in_position"])
@pytest.mark.parametrize(
    ("language", "thesis", "experience"),
    [("en", a_thesis(), an_experience(2)), ("zh", CHINESE_THESIS, CHINESE_EXPERIENCE)],
    ids=["en", "zh"],
)
def test_the_prompt_is_the_recorded_one(
    language: Language, thesis: Thesis, experience: Experience, *, is_held: bool
) -> None:
    position: OpenPosition | None = a_position(thesis=thesis) if is_held else None
    stance = "in_position" if is_held else "flat"
    path = GOLDEN / f"{stance}{'' if language == 'en' else '.zh'}.txt"
    context = CONTEXT.model_copy(update={"language": language})
    text = as_text(a_prompt(position, experience, context=context))

    if not path.exists():
        path.write_text(text, encoding="utf-8")
        pytest.fail(f"{path.name} was missing and is written: read it, then run again")
    assert text == path.read_text(encoding="utf-8")
