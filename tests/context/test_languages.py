"""Both languages tell the model the same: every number, key, code and condition, line by line."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from context.scenes import (
    a_context,
    a_position,
    a_prompt,
    a_risk,
    an_experience,
    system_text,
    user_text,
)
from llm_modules.config import ContextConfig
from llm_modules.context.templates import PROMPTS_FOLDER, PromptTemplates
from llm_modules.context.wording import context_phrases
from llm_modules.domain import Experience, Language, OpenPosition, Stance
from llm_modules.sandbox.policy import decide, read_facts

TEMPLATES = ["base.j2", "flat.j2", "in_position.j2", "user.j2"]
STANCES: list[Stance] = ["flat", "in_position"]
JINJA = re.compile(r"{{.*?}}|{%.*?%}")
CODE = re.compile(r"`[^`]+`")
NUMBER = re.compile(r"\d+(?:[.:]\d+)*")
# Names that Chinese traders write in Latin letters too.
LATIN = {"ATR", "EMA", "RSI", "MACD", "UTC", "ID", "K", "M", "k", "x", "quoted", "pair"}
CHINESE = re.compile("[\u4e00-\u9fff]")
RISKS = [
    {},
    {"allow_model_freedom": False},
    {"trading_hours_utc": "08:00-22:00"},
    {"trailing_activate_pct": 3.0, "trailing_give_back_pct": 1.5},
]


def template_lines(template: str) -> list[tuple[str, str]]:
    """The lines of a template in both languages, side by side."""
    texts = [
        (PROMPTS_FOLDER / language / template).read_text(encoding="utf-8").splitlines()
        for language in ("en", "zh")
    ]
    return list(zip(*texts, strict=True))


def marks(line: str) -> list[list[str]]:
    """What must not depend on the language: keys and codes, then numbers."""
    without_jinja = JINJA.sub("", line)
    return [sorted(found.findall(without_jinja)) for found in (CODE, NUMBER)]


def chinese(**changes: object) -> ContextConfig:
    return a_context(language="zh", **changes)


def without_fence(text: str) -> str:
    """The id is a hash of lines that differ by language."""
    return re.sub(r"quoted [0-9]{9}>", "quoted>", text)


# --- the templates ------------------------------------------------------------------------------


@pytest.mark.parametrize("template", TEMPLATES)
def test_both_languages_have_the_same_variables_and_conditions_in_every_line(template: str) -> None:
    for english, translated in template_lines(template):
        assert sorted(JINJA.findall(english)) == sorted(JINJA.findall(translated)), english


@pytest.mark.parametrize("template", TEMPLATES)
def test_both_languages_name_the_same_keys_codes_and_numbers_in_every_line(template: str) -> None:
    for english, translated in template_lines(template):
        assert marks(english) == marks(translated), english


@pytest.mark.parametrize("template", TEMPLATES)
def test_both_languages_have_the_same_headings_bullets_and_blank_lines(template: str) -> None:
    for english, translated in template_lines(template):
        assert re.match(r"[#\- ]*", english)[0] == re.match(r"[#\- ]*", translated)[0], english  # type: ignore[index]


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_sentence_is_translated(template: str) -> None:
    for english, translated in template_lines(template):
        words = re.sub(r"[^A-Za-z ]", " ", CODE.sub("", JINJA.sub("", english))).split()
        left = re.findall(r"[A-Za-z]+", CODE.sub("", JINJA.sub("", translated)))
        assert set(left) <= LATIN, translated
        assert bool(CHINESE.search(translated)) is bool(set(words) - LATIN), translated


# --- the whole prompt ---------------------------------------------------------------------------


@pytest.mark.parametrize("stance", STANCES)
@pytest.mark.parametrize("changes", RISKS, ids=str)
def test_the_rendered_rules_hold_the_same_limits_whatever_is_configured(
    stance: Stance, changes: dict[str, object]
) -> None:
    risk = a_risk(**changes)
    english = PromptTemplates(risk, "en").system(stance).splitlines()
    translated = PromptTemplates(risk, "zh").system(stance).splitlines()

    assert list(map(marks, english)) == list(map(marks, translated))


def facts_of(text: str) -> Iterator[list[str]]:
    for line in without_fence(text).splitlines():
        yield [*re.findall(r"[a-z]\w*=\S+", line), *NUMBER.findall(line)]


@given(
    size=st.integers(0, 6),
    position=st.none() | st.just(a_position()) | st.just(a_position(thesis=None)),
    with_timeframes=st.booleans(),
)
@settings(max_examples=20, deadline=None)
def test_the_message_tells_the_same_facts_in_the_same_places(
    *, size: int, position: OpenPosition | None, with_timeframes: bool
) -> None:
    english, translated = (
        user_text(
            a_prompt(
                position,
                an_experience(size),
                context=a_context(include_multi_timeframe_data=with_timeframes, language=language),
            )
        )
        for language in ("en", "zh")
    )

    assert list(facts_of(english)) == list(facts_of(translated))


def test_the_tools_are_the_same_in_both_languages() -> None:
    assert a_prompt().tools == a_prompt(context=chinese()).tools


def test_a_chinese_prompt_has_chinese_titles_lines_and_end() -> None:
    text = user_text(
        a_prompt(a_position(), an_experience(1), context=chinese(include_multi_timeframe_data=True))
    )

    titles = [line for line in text.splitlines() if line.startswith("#")]
    assert len(titles) == 6 + 1 + 7
    assert all(CHINESE.search(title) for title in titles)
    assert "\n入场以来: price 86900.0->" in text
    assert text.splitlines()[-1] == "请为 BTC/USDT:USDT 做出决策。"


def test_the_model_is_asked_for_chinese_reasons_in_chinese_only() -> None:
    assert "中文" in system_text(a_prompt(context=chinese()))
    assert not CHINESE.search(system_text(a_prompt()))
    assert not CHINESE.search(user_text(a_prompt(a_position(), an_experience())))


@pytest.mark.parametrize("position", [None, a_position()], ids=["flat", "in position"])
def test_the_sandboxs_model_finds_its_facts_and_answers_the_same_in_both_languages(
    position: OpenPosition | None,
) -> None:
    offered = frozenset({"signal_hold"} if position else {"signal_wait"})
    calls = []
    for language in ("en", "zh"):
        prompt = a_prompt(position, an_experience(), context=a_context(language=language))
        facts = read_facts([user_text(prompt)])
        assert (facts.pair, facts.side) == ("BTC/USDT:USDT", position.side if position else None)
        calls.append(decide(offered, facts))

    assert calls[0] == calls[1]
    assert calls[0] is not None
    assert "lacks" not in str(calls[0].arguments["reason"])


# --- the phrases --------------------------------------------------------------------------------

TITLES = ["thesis", "statistics", "patterns", "lessons", "trades", "decisions", "habits"]


def test_the_phrases_that_ship_are_these_and_each_is_used() -> None:
    assert sorted(context_phrases("en")) == sorted(
        [
            "past.thesis.invalidation",
            "past.thesis.reason",
            *(f"past.title.{kind}" for kind in TITLES),
            "position.since_entry",
            "table.candles",
            "table.timeframes",
        ]
    )
    text = user_text(a_prompt(a_position(), an_experience(1)))
    for key in context_phrases("en"):
        literal = context_phrases("en").sentence(key).partition("{")[0]
        assert literal in text, key


@pytest.mark.parametrize("language", ["en", "zh"])
def test_braces_in_what_others_wrote_are_not_gaps(language: Language) -> None:
    experience = Experience(lessons=("{at} {0} {}", "{{profit}}"))
    position = a_position(thesis=None)

    text = user_text(a_prompt(position, experience, context=a_context(language=language)))

    assert "- {at} {0} {}\n- {{profit}}\n" in text


def test_the_folders_hold_nothing_else() -> None:
    context = Path(PROMPTS_FOLDER).parent

    for folder in ("prompts", "phrases"):
        assert sorted(path.name for path in (context / folder).iterdir()) == ["en", "zh"]
