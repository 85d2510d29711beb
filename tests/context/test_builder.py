"""What the two messages of a question hold."""

import math
import re
from dataclasses import replace
from datetime import timedelta
from itertools import takewhile
from typing import Any

import pytest

from context.scenes import (
    HOLD,
    NOTHING,
    WAIT,
    a_context,
    a_decision,
    a_position,
    a_prompt,
    a_risk,
    a_snapshot,
    a_thesis,
    a_trade,
    an_account,
    an_experience,
    system_text,
    table_rows,
    user_text,
)
from llm_modules.config import ContextConfig
from llm_modules.context.blocks import Block
from llm_modules.context.builder import ContextBuilder
from llm_modules.context.market_page import MarketPage
from llm_modules.context.pages import Pages, PairView
from llm_modules.domain import Change, Experience, OpenPosition
from market.made_candles import NOON


def line_starting(text: str, start: str) -> str:
    (line,) = [line for line in text.splitlines() if line.startswith(start)]
    return line


def keys_of(line: str) -> list[str]:
    return [token.partition("=")[0] for token in line.split()]


def values_of(line: str) -> dict[str, str]:
    return dict(token.split("=", 1) for token in line.split())


# --- the shape ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("position", "tool"), [(None, WAIT), (a_position(), HOLD)])
def test_a_prompt_is_a_system_and_a_user_message_with_the_tools(
    position: OpenPosition | None, tool: object
) -> None:
    prompt = a_prompt(position, an_experience())

    assert [message.role for message in prompt.messages] == ["system", "user"]
    assert prompt.tools == (tool,)


def test_the_system_prompt_does_not_depend_on_market_account_or_past() -> None:
    one = a_prompt(None, NOTHING)
    other = a_prompt(
        None,
        an_experience(),
        snapshot=a_snapshot(a_context(informative_timeframes=("1d",)), pair="X/Y:Y"),
        account=an_account(equity=5.0, open_trades=3),
    )

    assert system_text(one) == system_text(other)
    assert user_text(one) != user_text(other)


def test_a_market_that_was_laid_out_before_is_told_as_if_it_were_now() -> None:
    builder, view = ContextBuilder(a_context(), a_risk()), PairView(a_snapshot(), None, NOTHING)
    page = Pages(a_context()).market_page(view.snapshot)
    marked = MarketPage(
        "other terms",
        "other market",
        Block("timeframes", "other timeframes", ("other state",), "header"),
        (Block("candles", "other candles", ("other row",), "header"),),
    )

    known = builder.build(replace(view, market_page=page), an_account(), (WAIT,))
    other = user_text(builder.build(replace(view, market_page=marked), an_account(), (WAIT,)))

    assert known == builder.build(view, an_account(), (WAIT,))
    for words in ("terms", "market", "timeframes", "state", "candles", "row"):
        assert f"other {words}" in other
    assert page.terms not in other
    assert page.market not in other


def test_the_same_inputs_give_the_same_bytes() -> None:
    builders = [ContextBuilder(a_context(), a_risk()) for _ in range(2)]
    view = PairView(a_snapshot(), a_position(), an_experience())

    prompts = [builder.build(view, an_account(), (HOLD,)) for builder in builders]

    assert prompts[0] == prompts[1]


def test_no_key_occurs_twice_among_the_facts() -> None:
    text = re.sub(r"(?s)<quoted.*?</quoted", "", user_text(a_prompt(a_position(), an_experience())))

    keys = re.findall(r"(\S+)=", text)

    assert len(keys) == len(set(keys))


def test_no_number_that_is_not_one_is_ever_printed() -> None:
    position = a_position(
        liquidation_price=None,
        stop_price=math.nan,
        profit_ratio=math.inf,
        leverage=math.nan,
        thesis=a_thesis(stop_price=None, target_price=None, facts={"rsi": math.nan}),
    )
    experience = Experience(
        trades=(a_trade(profit_ratio=math.nan, duration_hours=math.inf),),
        decisions=(a_decision(confidence_score=None),),
    )
    snapshot = a_snapshot(facts={"rsi": math.nan, "support": math.inf})
    account = an_account(equity=math.nan, free=math.inf, peak_equity=math.nan)

    text = user_text(a_prompt(position, experience, snapshot=snapshot, account=account))

    assert not re.search(r"\b(nan|inf|None)\b", text, re.IGNORECASE)
    assert "liquidation_price=-" in text
    assert "signal_wait -, approved" in text


# --- the facts ----------------------------------------------------------------------------------


def test_the_first_line_says_what_this_is_about_and_what_the_exchange_demands() -> None:
    first = user_text(a_prompt(a_position(), an_experience())).splitlines()[0]

    assert first == (
        "pair=BTC/USDT:USDT timeframe=30m price_step=0.1 min_notional=5 pair_max_leverage=50"
    )


def test_the_market_line_names_candle_price_and_facts_in_order() -> None:
    snapshot = a_snapshot()
    line = line_starting(user_text(a_prompt(snapshot=snapshot)), "candle=")

    assert line.startswith("candle=2026-01-15T12:00Z price=8")
    assert keys_of(line) == [
        "candle", "price", "rsi", "adx", "atr_pct", "ema_gap_pct",
        "atr_ratio", "mfi", "macd_pct", "macd_hist_pct", "bb_position", "volume_ratio", "support",
        "resistance", "change_pct_24h",
    ]  # fmt: skip
    values = values_of(line)
    assert values["price"] == f"{snapshot.price:.1f}"
    assert values["support"] == f"{snapshot.facts['support']:.1f}"
    assert float(values["rsi"]) == pytest.approx(snapshot.facts["rsi"], abs=0.05)


def test_each_informative_timeframe_is_told_in_one_row() -> None:
    rows = table_rows(user_text(a_prompt()), "Higher timeframes")

    assert rows[0] == ["timeframe", "rsi", "adx", "ema_gap_pct", "bb_lower", "bb_upper"]
    assert [row[0] for row in rows[1:]] == ["4h", "1h"]


def test_without_informative_timeframes_they_are_not_spoken_of() -> None:
    context = a_context(informative_timeframes=())

    assert "Higher timeframes" not in user_text(a_prompt(context=context))


def test_the_account_line_names_amounts_trades_and_drawdown() -> None:
    line = line_starting(user_text(a_prompt()), "equity=")

    assert line == "equity=1234.57 free=1000 used_stake=234.5 open_trades=1 drawdown_pct=5.03"


@pytest.mark.parametrize("peak", [0.0, -1.0])
def test_an_account_without_a_peak_has_no_drawdown(peak: float) -> None:
    assert "drawdown_pct=0.00" in user_text(a_prompt(account=an_account(peak_equity=peak)))


def test_the_position_line_names_everything_in_order() -> None:
    line = line_starting(user_text(a_prompt(a_position())), "side=")

    assert line == (
        "side=long open_rate=86910.0 stake=100 leverage=2.5 profit_pct=-1.23 mfe_pct=2.00 "
        "mae_pct=-3.10 held_candles=4 adjustments=1 entries=2 stop_price=86100.0 "
        "liquidation_price=52345.6"
    )


@pytest.mark.parametrize(
    ("minutes", "held"), [(0, 0), (29, 0), (30, 1), (31, 1), (59, 1), (60, 2), (-5, 0)]
)
def test_held_candles_are_whole_candles(minutes: int, held: int) -> None:
    position = a_position(opened_at=NOON - timedelta(minutes=minutes))

    assert f" held_candles={held} " in user_text(a_prompt(position))


def test_the_thesis_is_shown_with_its_numbers_its_words_and_what_changed_since() -> None:
    snapshot = a_snapshot()
    facts_now = snapshot.facts
    text = user_text(a_prompt(a_position(), snapshot=snapshot))
    before, quoted, after = re.split(r"</?quoted \d+>", text)

    assert before.splitlines()[1] == (
        "entry_confidence=72 entry_support=86500.0 entry_resistance=89000.0 entry_stop=86100.0 "
        "entry_target=88900.5"
    )
    atr_now = facts_now["atr_pct"] * snapshot.price / 100
    assert line_starting(after, "since entry") == (
        f"since entry: price 86900.0->{snapshot.price:.1f}, rsi 28.2->{facts_now['rsi']:.1f}, "
        f"adx 28.4->{facts_now['adx']:.1f}, atr 172->{atr_now:.0f} !, "
        f"ema_gap_pct -0.212->{facts_now['ema_gap_pct']:.3f} !, "
        f"macd_pct 0.0420->{facts_now['macd_pct']:.4f}"
    )
    assert "- reason: RSI turned up from 28 at a support that held twice.\n" in quoted
    assert "- wrong if: a close below 86500\n" in quoted


def test_a_thesis_without_invalidation_or_known_facts_is_shorter() -> None:
    text = user_text(a_prompt(a_position(thesis=a_thesis(invalidation=None, facts={}))))

    assert "wrong if" not in text
    assert "since entry" not in text
    assert "- reason: " in text


def test_a_position_without_a_thesis_is_shown_without_one() -> None:
    text = user_text(a_prompt(a_position(thesis=None)))

    assert "\nside=long " in text
    assert "entry_support" not in text
    assert "<quoted" not in text


def test_changes_are_told_by_their_facts_keys_and_the_significant_ones_are_marked() -> None:
    changes = (
        Change("price", 86_900.04, 87_100.0, significant=False),
        Change("rsi", 35.0, 65.0, significant=True),
        Change("ema_order", 0.25, -0.125, significant=True),
        Change("macd", -0.05, 0.0, significant=False),
        Change("atr_pct", 0.5, math.inf, significant=False),
    )
    builder = ContextBuilder(a_context(), a_risk())
    told = builder.build(
        PairView(a_snapshot(), a_position(), NOTHING, changes), an_account(), (HOLD,)
    )

    assert line_starting(user_text(told), "since entry") == (
        "since entry: price 86900.0->87100.0, rsi 35.0->65.0 !, ema_gap_pct 0.250->-0.125 !, "
        "macd_pct -0.0500->0, atr_pct 0.500->-"
    )


def test_without_a_position_changes_are_not_told() -> None:
    builder = ContextBuilder(a_context(), a_risk())
    changes = (Change("price", 1.0, 2.0, significant=False),)

    told = builder.build(PairView(a_snapshot(), None, NOTHING, changes), an_account(), (WAIT,))

    assert told == builder.build(PairView(a_snapshot(), None, NOTHING), an_account(), (WAIT,))


def test_while_flat_there_is_no_position() -> None:
    text = user_text(a_prompt(None, an_experience()))

    assert "# Position" not in text
    assert "side=" not in text
    assert "Why this position was opened" not in text


# --- what a provider's cache can keep -----------------------------------------------------------


@pytest.mark.parametrize("position", [None, a_position()], ids=["flat", "in position"])
def test_what_only_a_trade_changes_stands_before_all_that_a_candle_changes(
    position: OpenPosition | None,
) -> None:
    past = an_experience()
    later = replace(past, decisions=(*past.decisions, a_decision(0)), statistics=("new",))
    now = a_snapshot()
    moved = replace(now, price=now.price + 1, facts={**now.facts, "rsi": 61.0})

    before = user_text(a_prompt(position, past, snapshot=now))
    after = user_text(a_prompt(position, later, snapshot=moved, account=an_account(equity=1.0)))

    alike = takewhile(lambda both: both[0] == both[1], zip(before, after, strict=False))
    shared = "".join(char for char, _ in alike)
    assert "TAKE_PROFIT_1" in shared
    assert "lesson 1" in shared
    assert "# Higher timeframes" in shared
    assert shared.endswith("\n<quoted ")


def test_a_closed_trade_changes_the_first_block_only_in_its_fence_and_its_lists() -> None:
    past = an_experience()
    before, after = (
        re.findall(r"<quoted (\d+)>", user_text(a_prompt(None, experience)))
        for experience in (past, replace(past, trades=past.trades[1:]))
    )

    assert before[0] != after[0]
    assert before[1] == after[1]


# --- tables -------------------------------------------------------------------------------------


def test_histories_have_as_many_rows_as_asked_for_and_end_at_this_candle() -> None:
    context = a_context(indicator_history_points=7, raw_kline_history_points=4)
    header, *rows = table_rows(user_text(a_prompt(context=context)), "Candles 30m")

    assert header == ["opened", "high", "low", "close", "volume", "rsi_14"]
    assert [row[1] for row in rows].count("-") == 3
    assert [row[5] for row in rows].count("-") == 0
    assert (len(rows), rows[-1][0]) == (7, "11:30")


def test_a_table_without_a_column_is_left_out() -> None:
    context = a_context(table_columns=("close",), raw_kline_history_points=0)

    assert "Candles 30m" not in user_text(a_prompt(context=context))


def test_tables_of_other_timeframes_have_ten_rows_where_none_are_named() -> None:
    context = a_context(include_multi_timeframe_data=True, multi_timeframe_history={"4h": 3})
    text = user_text(a_prompt(context=context))

    assert len(table_rows(text, "Candles 1h")) == 1 + 10
    assert len(table_rows(text, "Candles 4h")) == 1 + 3


# --- every key of the configuration -------------------------------------------------------------

CHANGES: dict[str, Any] = {
    "language": "zh",
    "max_context_tokens": 2_000,
    "indicator_history_points": 7,
    "raw_kline_history_points": 0,
    "table_columns": ("close", "obv"),
    "timeframe_columns": ("ema_50",),
    "include_multi_timeframe_data": False,
    "multi_timeframe_history": {"1h": 4},
    "informative_timeframes": ("1h",),
    "extra_indicators": ("cci",),
}


@pytest.mark.parametrize("key", list(ContextConfig.model_fields))
def test_every_key_of_context_config_changes_the_prompt(key: str) -> None:
    before = a_context(include_multi_timeframe_data=True, raw_kline_history_points=40)
    after = replace_key(before, key)

    assert user_text(a_prompt(context=before)) != user_text(a_prompt(context=after))


def replace_key(context: ContextConfig, key: str) -> ContextConfig:
    return ContextConfig.model_validate(context.model_dump() | {key: CHANGES[key]})


@pytest.mark.parametrize("field", ["equity", "free", "used_stake", "open_trades"])
def test_every_amount_of_the_account_changes_the_prompt(field: str) -> None:
    account = an_account()
    other = replace(account, **{field: getattr(account, field) + 1})

    assert user_text(a_prompt(account=account)) != user_text(a_prompt(account=other))
