"""Templates of the user's own: they replace shipped ones, and are held to what the flow needs."""

import shutil
from pathlib import Path

import pytest

from context.scenes import a_risk
from llm_modules.context.blocks import Block
from llm_modules.context.template_files import OWN_PROMPTS, PROMPTS_FOLDER
from llm_modules.context.templates import PromptTemplates, UserPage, demand_templates
from llm_modules.domain import Language
from llm_modules.errors import ConfigError
from shipped import shipped_config

NOTHING = Block("timeframes", "Higher timeframes", ())
PAGE = UserPage("A/B:B", "terms line", "", "account line", (), "market line", NOTHING)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / OWN_PROMPTS


def put(own: Path, template: str, text: str, language: Language = "en") -> Path:
    path = own / language / template
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def opened(own: Path | None, language: Language = "en") -> PromptTemplates:
    return PromptTemplates(a_risk(), language, own=own)


def refusal(own: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        opened(own)
    return str(caught.value)


def shipped(template: str, language: Language = "en") -> str:
    return (PROMPTS_FOLDER / language / template).read_text(encoding="utf-8")


def test_without_a_folder_the_shipped_templates_are_used(own: Path) -> None:
    assert opened(own).system("flat") == opened(None).system("flat")
    assert opened(own).version == opened(None).version


@pytest.mark.parametrize("included", [False, True])
def test_what_jinja_itself_knows_is_known_to_every_template(own: Path, included: bool) -> None:
    counted = "{{ pair }}{% for number in range(3) %}{{ number }}{% endfor %}"
    put(own, "user.j2", '{% include "pair.j2" %} {{ pair }}' if included else counted)
    put(own, "pair.j2", counted)

    assert opened(own).user(PAGE).startswith("A/B:B012")


def test_what_one_page_set_is_not_known_to_the_next(own: Path) -> None:
    put(own, "user.j2", "{{ pair }} {{ range is defined }}{% set range = 1 %}{{ range }}")
    templates = opened(own)

    assert [templates.user(PAGE) for _ in range(2)] == ["A/B:B True1"] * 2


def test_an_empty_folder_replaces_nothing(own: Path) -> None:
    (own / "en").mkdir(parents=True)

    assert opened(own).user(PAGE) == opened(None).user(PAGE)
    assert opened(own).version == opened(None).version


def test_a_template_replaces_the_shipped_one_of_its_name_and_no_other(own: Path) -> None:
    put(own, "task_flat.j2", "# Task: wait\n")

    flat = opened(own).system("flat")

    assert "# Task: wait" in flat
    assert "signal_entry_long" not in flat
    assert flat.partition("# Limits")[2] == opened(None).system("flat").partition("# Limits")[2]
    assert opened(own).system("in_position") == opened(None).system("in_position")
    assert opened(own).user(PAGE) == opened(None).user(PAGE)


def test_it_is_used_in_questions_about_all_pairs_too(own: Path) -> None:
    put(own, "task_flat.j2", "# Task: wait\n")
    put(own, "portfolio_user.j2", "{{ pairs|join }}: {{ pages|join }} with {{ account }}")

    templates = opened(own)

    assert "# Task: wait" in templates.system("portfolio")
    assert templates.portfolio([PAGE], "money").startswith("A/B:B: terms line")


def test_a_template_of_another_language_replaces_nothing_in_this_one(own: Path) -> None:
    put(own, "task_flat.j2", "# 等待\n{{ not_looked_at", "zh")

    assert opened(own).system("flat") == opened(None).system("flat")
    assert opened(own).version == opened(None).version


def test_each_language_has_its_own(own: Path) -> None:
    put(own, "task_flat.j2", "# 等待\n", "zh")

    assert "# 等待" in opened(own, "zh").system("flat")


def test_the_shipped_one_can_be_extended_by_its_own_replacement(own: Path) -> None:
    put(own, "base.j2", '{% extends "shipped/base.j2" %}{% block once %}Be brief.\n{% endblock %}')

    flat = opened(own).system("flat")

    assert "Be brief." in flat
    assert "Call exactly one" not in flat
    assert "# Limits" in flat
    assert "signal_entry_long" in flat


def test_limits_can_be_told_as_in_the_shipped_ones(own: Path) -> None:
    put(own, "base.j2", "At most {{ risk.max_leverage|number }}x.")

    assert opened(own).system("flat") == "At most 10x."


@pytest.mark.parametrize("name", ["flatt.j2", "house_rules.j2", "Flat.j2"])
def test_a_name_that_replaces_nothing_is_refused_with_those_that_do(own: Path, name: str) -> None:
    put(own, name, "text")

    assert refusal(own) == (
        f"llm_prompts/en/{name}: no template has this name; known: base.j2, flat.j2, "
        "in_position.j2, pair.j2, portfolio.j2, portfolio_user.j2, task_flat.j2, "
        "task_in_position.j2, user.j2"
    )


@pytest.mark.parametrize("place", ["flat.j2", "de/flat.j2", "en/more/flat.j2"])
def test_a_template_outside_a_language_is_refused_with_where_it_belongs(
    own: Path, place: str
) -> None:
    path = own / place
    path.parent.mkdir(parents=True)
    path.write_text("text", encoding="utf-8")

    assert refusal(own) == (
        f"llm_prompts/{place}: templates lie in a folder of their language: "
        "llm_prompts/en/, llm_prompts/zh/"
    )


@pytest.mark.parametrize("name", ["README.md", "flat.j2.bak", "flat.j2~", ".flat.j2"])
def test_notes_and_what_an_editor_leaves_behind_are_in_nobodys_way(own: Path, name: str) -> None:
    put(own, name, "{{ nothing")

    assert opened(own).version == opened(None).version


@pytest.mark.parametrize(
    ("template", "text", "message"),
    [
        ("flat.j2", "{{ markt }}", "unknown variable 'markt'; known: account, lasting, "),
        ("flat.j2", "one\n{% if %}", "line 2: Expected an expression"),
        ("flat.j2", "one\n{{ 1|shout }}", "line 2: No filter named 'shout'."),
        ("flat.j2", "\n{{ pair }}", "line 2: 'pair' is undefined; known here: risk"),
        ("flat.j2", '{% include "own.j2" %}', "line 1: own.j2"),
        ("flat.j2", '{% include "shipped/own.j2" %}', "line 1: shipped/own.j2"),
        ("base.j2", "{{ pair.x }}", "line 1: 'pair' is undefined; known here: risk"),
        ("base.j2", "{{ risk.max_leverage / 0 }}", "line 1: float division by zero"),
        ("base.j2", "{{ '%d' % 'text' }}", "line 1: "),
        ("base.j2", "{{ risk.model_dump()['none'] }}", "line 1: 'dict object' has no attribute"),
        ("user.j2", "{{ pair }}{{ risk }}", "line 1: 'risk' is undefined; known here: account, "),
        ("user.j2", '{% include "user.j2" %}', "line 1: maximum recursion depth exceeded"),
        ("portfolio_user.j2", "{{ market }}", "line 1: 'market' is undefined; known here: acc"),
    ],
)
def test_a_mistake_is_told_with_its_file_and_line(
    own: Path, template: str, text: str, message: str
) -> None:
    put(own, template, text)

    assert refusal(own).startswith(f"llm_prompts/en/{template}: {message}")


def test_a_limit_that_does_not_exist_is_told_with_those_that_do(own: Path) -> None:
    put(own, "base.j2", "{{ risk.max_levrage }}")

    message = refusal(own)

    assert "has no attribute 'max_levrage'; known of risk: " in message
    assert " max_leverage, " in message


def test_a_mistake_in_an_own_template_is_not_laid_at_the_door_of_the_shipped_one(own: Path) -> None:
    put(own, "pair.j2", "{{ pair }}\n\n{{ timeframes.heading }}")

    assert refusal(own).startswith("llm_prompts/en/pair.j2: line 3: ")


@pytest.mark.parametrize("text", ["", "  \n\n", "{# a note #}", "{% block task %}{% endblock %}"])
def test_an_empty_system_prompt_is_refused(own: Path, text: str) -> None:
    put(own, "base.j2", text)
    put(own, "flat.j2", text)

    assert refusal(own) == "llm_prompts/en/flat.j2: the system prompt is empty"


def test_a_message_that_does_not_say_its_pair_is_refused(own: Path) -> None:
    put(own, "user.j2", "{{ market }}")

    message = refusal(own)

    assert message == "llm_prompts/en/user.j2: the message does not say its pair: {{ pair }}"


UNFENCED = "{{ pair }} {% for block in QUOTES.blocks %}{{ block.lines|join }}{% endfor %}"


@pytest.mark.parametrize("name", ["lasting", "passing"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        ("<quoted>", "</quoted>"),
        ("<quoted {{ QUOTES.fence }}>", ""),
        ("", "</quoted {{ QUOTES.fence }}>"),
        ("</quoted {{ QUOTES.fence }}>", "<quoted {{ QUOTES.fence }}>"),
        ("<quoted {{ OTHERS.fence }}>", "</quoted {{ OTHERS.fence }}>"),
    ],
)
def test_others_text_outside_its_own_fence_is_refused(
    own: Path, name: str, before: str, after: str
) -> None:
    other = {"lasting": "passing", "passing": "lasting"}[name]
    text = f"{before}{UNFENCED}{after}".replace("QUOTES", name).replace("OTHERS", other)
    put(own, "user.j2", text)

    assert refusal(own) == (
        f"llm_prompts/en/user.j2: lines of {name} stand outside their fence: between "
        f"<quoted {{{{ {name}.fence }}}}> and </quoted {{{{ {name}.fence }}}}>"
    )


def test_no_filter_hides_text_that_left_its_fence(own: Path) -> None:
    put(own, "pair.j2", UNFENCED.replace("QUOTES", "lasting").replace("|join", "|join|upper"))

    assert refusal(own).startswith("llm_prompts/en/pair.j2: lines of lasting stand outside")


def test_text_told_twice_has_to_be_fenced_twice(own: Path) -> None:
    fenced = f"<quoted {{{{ lasting.fence }}}}>\n{UNFENCED}\n</quoted {{{{ lasting.fence }}}}>"
    put(own, "pair.j2", f"{fenced}\n{fenced}".replace("QUOTES", "lasting"))
    assert "{{" not in opened(own).user(PAGE)
    put(own, "pair.j2", f"{fenced}\n{UNFENCED}".replace("QUOTES", "lasting"))

    assert "outside their fence" in refusal(own)


def test_the_past_may_be_left_out_altogether(own: Path) -> None:
    put(own, "pair.j2", "{{ pair }}\n{{ market }}\n")

    assert opened(own).user(PAGE) == "A/B:B\nmarket line\n\nDecide for A/B:B."


@pytest.mark.parametrize(
    "text", ["{{ pages|join }}", "{{ pairs|join }}", "{{ pages[0] }} {{ pairs|join }}"]
)
def test_a_message_about_all_pairs_has_to_tell_each(own: Path, text: str) -> None:
    put(own, "portfolio_user.j2", text)

    assert refusal(own).startswith(
        "llm_prompts/en/portfolio_user.j2: a page or a pair is missing: each of pages and each of"
    )


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ risk.__class__.__init__.__globals__ }}",
        "{% for n in range(10000000) %}x{% endfor %}",
    ],
)
def test_a_template_stays_text_and_is_no_program(own: Path, text: str) -> None:
    put(own, "base.j2", text)

    assert refusal(own).startswith("llm_prompts/en/base.j2: line 1: ")


def test_a_file_that_is_no_text_is_refused(own: Path) -> None:
    put(own, "flat.j2", "").write_bytes(b"ab\xff")

    assert refusal(own) == "llm_prompts/en/flat.j2 is not UTF-8 text (byte 2)"


def test_a_folder_in_place_of_a_template_is_refused(own: Path) -> None:
    (own / "en" / "flat.j2").mkdir(parents=True)

    assert refusal(own) == "llm_prompts/en/flat.j2 cannot be read: Is a directory"


def test_a_file_in_place_of_the_folder_replaces_nothing(own: Path) -> None:
    own.write_text("no folder", encoding="utf-8")

    assert opened(own).version == opened(None).version


def test_the_version_is_that_of_the_words(own: Path) -> None:
    before = opened(own).version
    path = put(own, "flat.j2", shipped("flat.j2"))
    assert opened(own).version == before
    path.write_text(shipped("flat.j2") + "\nNever on Sundays.\n", encoding="utf-8")
    changed = opened(own).version

    assert len(before) == len(changed) == 16
    assert changed != before


def test_every_template_counts_in_the_version_and_so_does_the_language(own: Path) -> None:
    versions = {opened(None).version, opened(None, "zh").version}
    for path in sorted((PROMPTS_FOLDER / "en").iterdir()):
        put(own, path.name, shipped(path.name) + "\n{# changed #}")
        versions.add(opened(own).version)
        shutil.rmtree(own)

    assert len(versions) == 2 + 9


def test_a_shipped_template_that_an_own_one_extends_counts_in_the_version(
    own: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(PROMPTS_FOLDER, tmp_path / "prompts"))
    put(own, "base.j2", '{% extends "shipped/base.j2" %}')
    before = PromptTemplates(a_risk(), "en", folder, own).version
    base = folder / "en" / "base.j2"
    base.write_text(base.read_text(encoding="utf-8") + "New.", encoding="utf-8")

    assert PromptTemplates(a_risk(), "en", folder, own).version != before


def test_a_shipped_template_that_is_replaced_does_not_count(own: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(PROMPTS_FOLDER, tmp_path / "prompts"))
    put(own, "base.j2", "Decide.")
    before = PromptTemplates(a_risk(), "en", folder, own).version
    (folder / "en" / "base.j2").write_text("New.", encoding="utf-8")

    assert PromptTemplates(a_risk(), "en", folder, own).version == before


def test_a_whole_configuration_is_checked_with_its_language(own: Path) -> None:
    put(own, "flat.j2", "{{ markt }}", "zh")
    config = shipped_config()
    demand_templates(config, own)
    context = config.context_config.model_copy(update={"language": "zh"})
    chinese = config.model_copy(update={"context_config": context})

    with pytest.raises(ConfigError, match=r"llm_prompts/zh/flat\.j2: unknown variable 'markt'"):
        demand_templates(chinese, own)


@pytest.mark.parametrize(
    "leak",
    [
        "{% for block in lasting.blocks[1:] %}{{ block.lines }}{% endfor %}",
        "{% for block in passing.blocks %}{{ block.lines[1:] }}{% endfor %}",
    ],
)
def test_no_later_line_of_others_text_gets_out_of_its_fence_either(own: Path, leak: str) -> None:
    put(own, "user.j2", (PROMPTS_FOLDER / "en" / "user.j2").read_text(encoding="utf-8") + leak)
    assert "outside their fence" in refusal(own)


def test_a_template_that_asks_for_more_memory_than_there_is_is_refused(own: Path) -> None:
    put(own, "user.j2", "{{ pair * 1000000000000000 }}")
    assert refusal(own).startswith("llm_prompts/en/user.j2: line 1")
