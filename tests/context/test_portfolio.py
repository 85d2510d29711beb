"""One prompt about several pairs says what questions about each would, and the account once."""

from dataclasses import replace

import pytest

from context.scenes import (
    HOLD,
    WAIT,
    a_context,
    a_position,
    a_risk,
    a_snapshot,
    an_account,
    an_experience,
    system_text,
    user_text,
)
from llm_modules.context.budget import prompt_weight
from llm_modules.context.builder import ContextBuilder
from llm_modules.context.pages import PairView
from llm_modules.context.portfolio import PortfolioContext
from llm_modules.dialogue import Prompt
from llm_modules.domain import Language
from llm_modules.errors import ContextBudgetError
from llm_modules.sandbox.policy import read_all_facts
from llm_modules.weights import tokens

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
FLAT = PairView(a_snapshot(), None, an_experience())
HELD = PairView(a_snapshot(pair=ETH), a_position(pair=ETH), an_experience())


def portfolio(*views: PairView, **changes: object) -> Prompt:
    builder = PortfolioContext(a_context(**changes), a_risk())
    return builder.build(views, an_account(), (WAIT, HOLD))


def lines_of(prompt: Prompt) -> list[str]:
    return user_text(prompt).splitlines()


def test_each_pair_is_told_as_it_would_be_alone() -> None:
    together = user_text(portfolio(FLAT, HELD))
    for view in (FLAT, HELD):
        alone = ContextBuilder(a_context(), a_risk()).build(view, an_account(), (WAIT,))
        account = user_text(alone).index("# Account")
        before = user_text(alone)[:account].rstrip()
        assert before in together
        market = user_text(alone).partition("# Market now\n")[2].splitlines()[0]
        assert market in together


def test_the_account_stands_there_once_and_after_all_pairs() -> None:
    lines = lines_of(portfolio(FLAT, HELD))
    assert lines.count("# Account") == 1
    assert lines.index("# Account") > max(
        place for place, line in enumerate(lines) if line == "# Market now"
    )
    assert lines[-1] == f"Decide for each of {BTC}, {ETH}."


def test_it_asks_for_several_calls() -> None:
    prompt = portfolio(FLAT, HELD)
    assert prompt.several
    assert prompt.tools == (WAIT, HOLD)
    assert not ContextBuilder(a_context(), a_risk()).build(FLAT, an_account(), (WAIT,)).several


@pytest.mark.parametrize(
    ("language", "one", "each"),
    [
        ("en", "Call exactly one offered tool, once", "Call exactly one tool for each pair"),
        ("zh", "只调用一个所提供的工具", "每个交易对恰好调用一个工具"),
    ],
)
def test_the_rules_are_the_same_but_for_how_many_calls(
    language: Language, one: str, each: str
) -> None:
    together = system_text(portfolio(FLAT, HELD, language=language))
    builder = ContextBuilder(a_context(language=language), a_risk())
    flat, held = (system_text(builder.build(view, an_account(), (WAIT,))) for view in (FLAT, HELD))
    assert one not in together
    assert each in together
    for alone in (flat, held):
        rules = [line for line in alone.splitlines()[2:] if line and one not in line]
        assert [line for line in rules if line not in together] == []


def test_the_scripted_model_reads_each_pair_apart() -> None:
    first, second = read_all_facts([user_text(portfolio(FLAT, HELD))])
    assert (first.pair, first.side) == (BTC, None)
    assert (second.pair, second.side) == (ETH, "long")
    assert first.missing(["price", "rsi", "adx", "atr_pct", "ema_gap_pct"]) == []
    assert second.missing(["price", "profit_pct", "held_candles", "adjustments"]) == []


def test_the_order_of_pairs_is_kept() -> None:
    lines = lines_of(portfolio(HELD, FLAT))
    terms = [line.split()[0] for line in lines if line.startswith("pair=")]
    assert terms == [f"pair={ETH}", f"pair={BTC}"]


def test_the_limit_is_of_the_whole_and_every_pair_gives_its_part() -> None:
    whole = tokens(prompt_weight(portfolio(FLAT, HELD)))
    shorter = portfolio(FLAT, HELD, max_context_tokens=whole - 200)
    # Two lines more than needed at most, one of each pair.
    assert whole - 300 < tokens(prompt_weight(shorter)) <= whole - 200
    one, other = user_text(shorter).split(f"pair={ETH}")
    full_one, full_other = user_text(portfolio(FLAT, HELD)).split(f"pair={ETH}")
    assert len(one) < len(full_one)
    assert len(other) < len(full_other)


def test_facts_that_do_not_fit_say_what_to_do() -> None:
    with pytest.raises(ContextBudgetError) as caught:
        portfolio(FLAT, HELD, max_context_tokens=600)
    message = str(caught.value)
    assert message.startswith("the facts of 2 pairs need ")
    assert "raise context_config.max_context_tokens, now 600" in message


def test_the_same_pairs_give_the_same_bytes() -> None:
    assert portfolio(FLAT, HELD) == portfolio(FLAT, replace(HELD))
