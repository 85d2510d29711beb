"""Templates: a mistake in one stops the start, and names the file and what is wrong."""

import gc
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from context.scenes import a_risk
from llm_modules.context.blocks import Block, Quotes
from llm_modules.context.templates import PROMPTS_FOLDER, PromptTemplates, UserPage
from llm_modules.domain import Language
from llm_modules.errors import ConfigError

ALL = [
    *("base.j2", "flat.j2", "in_position.j2", "pair.j2", "portfolio.j2", "portfolio_user.j2"),
    *("task_flat.j2", "task_in_position.j2", "user.j2"),
]
LANGUAGES: list[Language] = ["en", "zh"]
NOTHING = Block("timeframes", "Higher timeframes", ())
PAGE = UserPage("A/B:B", "terms line", "", "account line", (), "market line", NOTHING)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PROMPTS_FOLDER, tmp_path / "prompts"))


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> Language:
    language: Language = request.param
    return language


def english(**changes: object) -> PromptTemplates:
    return PromptTemplates(a_risk(**changes), "en")


def add(folder: Path, template: str, text: str, language: Language = "en") -> None:
    path = folder / language / template
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def refusal(folder: Path, language: Language = "en") -> str:
    with pytest.raises(ConfigError) as caught:
        PromptTemplates(a_risk(), language, folder)
    return str(caught.value)


def test_the_templates_that_ship_are_these_in_every_language() -> None:
    assert sorted(path.name for path in PROMPTS_FOLDER.iterdir()) == LANGUAGES
    for language in LANGUAGES:
        assert sorted(path.name for path in (PROMPTS_FOLDER / language).iterdir()) == ALL


def test_a_copy_of_the_templates_gives_the_same_texts(folder: Path, language: Language) -> None:
    copied = PromptTemplates(a_risk(), language, folder)
    own = PromptTemplates(a_risk(), language)

    assert copied.system("flat") == own.system("flat")
    assert copied.user(PAGE) == own.user(PAGE)


@pytest.mark.parametrize("template", ALL)
def test_an_undefined_variable_is_refused_with_its_name_and_file(
    folder: Path, template: str, language: Language
) -> None:
    add(folder, template, "{{ markt }}", language)

    assert refusal(folder, language).startswith(
        f"{language}/{template}: unknown variable 'markt'; known: account, "
    )


def test_a_mistake_in_a_language_that_is_not_used_stops_nothing(folder: Path) -> None:
    add(folder, "flat.j2", "{{ markt }}", "zh")

    assert PromptTemplates(a_risk(), "en", folder).system("flat")


@pytest.mark.parametrize("template", ALL)
def test_it_is_refused_in_a_branch_that_is_never_taken(folder: Path, template: str) -> None:
    add(folder, template, "{% if false %}{{ markt }}{% endif %}")

    assert "'markt'" in refusal(folder)


@pytest.mark.parametrize("template", ALL)
@pytest.mark.parametrize("text", ["{% if %}", "{{ pair", "{% endfor %}", "{% surprise %}"])
def test_a_template_that_cannot_be_parsed_is_refused(
    folder: Path, template: str, text: str
) -> None:
    add(folder, template, text)

    assert template in refusal(folder)


@pytest.mark.parametrize("template", ["base.j2", "user.j2"])
def test_an_unknown_filter_is_refused(folder: Path, template: str) -> None:
    add(folder, template, "{{ pair|shout }}")

    assert "No filter named 'shout'" in refusal(folder)
    assert refusal(folder).startswith(f"en/{template}: line ")


def test_a_parse_error_names_the_line(folder: Path) -> None:
    (folder / "en" / "user.j2").write_text("one\ntwo\n{% if %}\n", encoding="utf-8")

    assert refusal(folder).startswith("en/user.j2: line 3: ")


@pytest.mark.parametrize(
    ("template", "text", "cause"),
    [
        ("base.j2", "{{ risk.max_levrage }}", "max_levrage"),
        ("user.j2", "{% for table in tables %}{{ table.heading }}{% endfor %}", "heading"),
        ("user.j2", "{{ risk.max_leverage }}", "'risk' is undefined"),
        ("base.j2", "{{ pair }}", "'pair' is undefined"),
        ("user.j2", "{{ pair + 1 }}", "str"),
        ("user.j2", '{% include "missing.j2" %}', "missing.j2"),
    ],
)
def test_a_name_that_only_rendering_reveals_is_refused_at_construction(
    folder: Path, template: str, text: str, cause: str
) -> None:
    add(folder, template, text)

    message = refusal(folder)

    assert cause in message
    assert message.startswith("en/")
    assert ".j2: " in message


def test_a_missing_template_is_refused(folder: Path) -> None:
    (folder / "en" / "flat.j2").unlink()

    assert refusal(folder).startswith("en/flat.j2: ")


def test_an_own_template_beside_ours_may_be_included(folder: Path) -> None:
    (folder / "en" / "house_rules.j2").write_text("Never on Sundays.\n", encoding="utf-8")
    add(folder, "base.j2", '\n{% include "house_rules.j2" %}')

    templates = PromptTemplates(a_risk(), "en", folder)

    assert templates.system("flat").endswith("Never on Sundays.")
    assert templates.system("in_position").endswith("Never on Sundays.")


def test_both_system_prompts_share_the_rules_and_differ_in_the_task() -> None:
    templates = english()
    flat, held = templates.system("flat"), templates.system("in_position")

    assert "# Task: no position is open in this pair" in flat
    assert "# Task: a position is open in this pair" in held
    assert flat.partition("# Limits")[2] == held.partition("# Limits")[2]
    for tool in ("signal_entry_long", "signal_entry_short", "signal_wait"):
        assert tool in flat
        assert tool not in held
    for tool in ("signal_exit", "adjust_position", "signal_hold"):
        assert tool in held
        assert tool not in flat


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"max_leverage": 7.5}, "Leverage: at most 7.5 and `pair_max_leverage`."),
        ({"max_position_pct": 12.5}, "Of equity: stake at most 12.5 % in a position"),
        ({"max_correlated_pct": 33.0}, "33 % in pairs correlated from 0.8,"),
        ({"max_correlation": 0.65}, "40 % in pairs correlated from 0.65,"),
        ({"max_total_stake_pct": 66.0}, "0.8, 66 % in all; stake x leverage at most"),
        ({"max_total_notional_pct": 250.0}, "stake x leverage at most 250 % in all;"),
        ({"risk_per_trade_pct": 1.5}, "loss at the stop at most 1.5 %."),
        ({"max_open_trades": 9}, "Open positions: at most 9."),
        ({"max_stop_pct": 2.0}, "Stop: at most 2 % from the entry price; if you give none, 0.5 "),
        ({"stop_atr_margin": 1.25}, "none, 1.25 ATR beyond your support or resistance."),
        ({"min_confidence": 55.0}, "Confidence: at least 55."),
        ({"min_reward_risk": 1.5}, "Target: at least 1.5 x the stop's distance."),
        ({"cooldown_candles_after_loss": 4}, "No entry for 4 candles after a loss in the pair"),
        ({"daily_loss_limit_pct": 7.5}, "once the day (UTC) lost 7.5 %."),
        (
            {"trading_hours_utc": "08:00-22:00"},
            "once the day (UTC) lost 6 %, or outside 08:00-22:00 UTC.",
        ),
        (
            {"trailing_activate_pct": 3.0, "trailing_give_back_pct": 1.5},
            "- Once price gained 3 %, the stop follows the best price at 1.5 %.",
        ),
        ({"emergency_stop_loss": -0.075}, "Equity 7.5 % below its peak closes everything"),
        ({"allow_model_freedom": True}, "You choose leverage and stake"),
        (
            {"allow_model_freedom": False, "default_leverage": 4.0},
            "The bot sets leverage (4) and stake, whatever you ask.",
        ),
    ],
)
def test_every_limit_the_model_can_respect_is_told(
    changes: dict[str, object], sentence: str
) -> None:
    templates = english(**changes)

    assert sentence in templates.system("flat")
    assert sentence in templates.system("in_position")


@pytest.mark.parametrize("words", ["the stop follows", "or outside", "None", "\n\n-"])
def test_what_is_not_set_is_not_told(words: str) -> None:
    assert words not in english().system("flat")


def test_that_claims_are_checked_and_what_a_stake_is_is_told() -> None:
    text = english().system("flat")

    assert "`key_support` is below, `key_resistance` above the price; both, RSI and trend" in text
    assert "`stake_amount`, margin in quote currency" in text


def test_what_the_new_facts_marks_and_lessons_mean_is_told() -> None:
    flat, held = english().system("flat"), english().system("in_position")

    assert "`atr_ratio`, `volume_ratio`: to the mean of 50, of 20." in flat
    assert "Changes marked `!` make it another market." in held
    assert "`!`" not in flat
    assert "a lesson by how many trades showed it, and how lately" in flat


def test_the_user_message_leaves_out_what_is_empty() -> None:
    text = english().user(PAGE)

    assert text == (
        "terms line\n\n# Account\naccount line\n\n# Market now\nmarket line\n\nDecide for A/B:B."
    )


def test_the_user_message_tells_what_lasts_first_and_the_market_of_now_last() -> None:
    page = UserPage(
        pair="A/B:B",
        terms="terms line",
        thesis="thesis line",
        account="account line",
        position=("position line", "since entry line"),
        market="market line",
        timeframes=Block("timeframes", "Higher timeframes", ("1d 50",), "timeframe rsi"),
        lasting=Quotes("111", (Block("trades", "Trades", ("first", "second")),)),
        passing=Quotes("222", (Block("habits", "Habits", ("third",)),)),
        tables=(Block("candles", "Candles 1h", ("1 2", "3 4"), "a b"),),
    )

    assert english().user(page) == (
        "terms line\nthesis line\n\n"
        "<quoted 111>\n## Trades\n- first\n- second\n</quoted 111>\n\n"
        "# Higher timeframes\ntimeframe rsi\n1d 50\n\n"
        "<quoted 222>\n## Habits\n- third\n</quoted 222>\n\n"
        "# Candles 1h\na b\n1 2\n3 4\n\n"
        "# Account\naccount line\n\n# Position\nposition line\nsince entry line\n\n"
        "# Market now\nmarket line\n\nDecide for A/B:B."
    )


def test_each_of_the_two_blocks_may_stand_alone() -> None:
    notes = Quotes("333", (Block("habits", "Habits", ("only",)),))
    block = "<quoted 333>\n## Habits\n- only\n</quoted 333>\n"

    for name in ("lasting", "passing"):
        text = english().user(replace(PAGE, **{name: notes}))
        assert text.startswith(f"terms line\n\n{block}\n# Account\n")


def test_a_user_message_leaves_nothing_for_the_garbage_collector(language: Language) -> None:
    quotes = Quotes("111", (Block("trades", "Trades", ("first",)),))
    page = replace(PAGE, lasting=quotes, passing=quotes)
    templates = PromptTemplates(a_risk(), language)
    templates.user(page)
    gc.collect()
    for _ in range(10):
        templates.user(page)
    # Jinja's macros would: each is known to what it knows.
    assert gc.collect() == 0
