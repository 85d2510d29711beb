"""The scripted model's rules, one sentence each; every call is one the tools would accept."""

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_modules.sandbox.contracts import CONTRACTS
from llm_modules.sandbox.policy import (
    Facts,
    ScriptedCall,
    decide,
    follows_trend,
    read_all_facts,
    read_facts,
)
from llm_modules.tools.calls import TOOL_CALL

BTC, SOL = "BTC/USDT:USDT", "SOL/USDT:USDT"
PAIRS = [contract.pair for contract in CONTRACTS]
FLAT = frozenset({"signal_entry_long", "signal_entry_short", "signal_wait"})
IN_POSITION = frozenset({"signal_exit", "adjust_position", "signal_hold"})


def market(pair: str = BTC, **changed: object) -> str:
    """Return a user message's market section; None leaves a fact out."""
    facts = {"pair": pair, "price": 87123.4, "rsi": 55.2, "adx": 21.3, "atr_pct": 0.12}
    facts |= {"ema_gap_pct": 0.05} | changed
    return "## Market\n" + " ".join(
        f"{key}={value}" for key, value in facts.items() if value is not None
    )


def position(pair: str = BTC, **changed: object) -> str:
    facts: dict[str, object] = {"side": "long", "open_rate": 87000, "profit_pct": 0.3}
    facts |= {"held_candles": 1, "adjustments": 1}
    return market(pair, **(facts | changed))


def ask(text: str, offered: frozenset[str]) -> ScriptedCall:
    call = decide(offered, read_facts([text]))
    assert call is not None
    return call


def flat(text: str) -> ScriptedCall:
    return ask(text, FLAT)


def held(text: str) -> ScriptedCall:
    return ask(text, IN_POSITION)


def entries(pair: str, **changed: object) -> list[ScriptedCall]:
    """Return the entries over a hundred prices; the rest of the calls are waits."""
    calls = [flat(market(pair, price=1000 + step, **changed)) for step in range(100)]
    return [call for call in calls if call.tool != "signal_wait"]


def number(call: ScriptedCall, name: str) -> float:
    value = call.arguments[name]
    assert isinstance(value, float)
    return value


def test_of_the_five_pairs_three_follow_the_trend_and_two_fade_it() -> None:
    assert [follows_trend(pair) for pair in PAIRS] == [True, True, False, False, True]


@pytest.mark.parametrize(
    ("pair", "ema_gap_pct", "tool"),
    [
        (BTC, 0.05, "signal_entry_long"),
        (BTC, 0, "signal_entry_long"),
        (BTC, -0.05, "signal_entry_short"),
        (SOL, 0.05, "signal_entry_short"),
        (SOL, 0, "signal_entry_short"),
        (SOL, -0.05, "signal_entry_long"),
    ],
)
def test_one_half_enters_with_the_trend_and_the_other_against_it(
    pair: str, ema_gap_pct: float, tool: str
) -> None:
    assert {call.tool for call in entries(pair, ema_gap_pct=ema_gap_pct)} == {tool}


def test_about_one_flat_candle_in_four_waits() -> None:
    waits = sum(100 - len(entries(pair)) for pair in PAIRS)

    assert 90 <= waits <= 160


def test_leverages_are_two_to_five_and_stakes_left_out_half_of_the_time() -> None:
    calls = [call for pair in PAIRS for call in entries(pair)]

    assert set(Counter(call.arguments["leverage"] for call in calls)) == {2.0, 3.0, 4.0, 5.0}
    stakes = [number(call, "stake_amount") for call in calls if "stake_amount" in call.arguments]
    assert 0.35 < len(stakes) / len(calls) < 0.65
    assert min(stakes) >= 50
    assert max(stakes) <= 150
    assert len(set(stakes)) > 30


def test_the_same_question_gets_the_same_answer() -> None:
    assert flat(market()) == flat(market())
    assert held(position()) == held(position())


@pytest.mark.parametrize(
    ("atr_pct", "distance_pct"), [(0.12, 0.4), (0.1333, 0.4), (0.2, 0.6), (1.0, 3.0), (50.0, 20.0)]
)
def test_the_stop_is_three_atr_away_within_bounds_and_the_target_twice_as_far(
    atr_pct: float, distance_pct: float
) -> None:
    long, short = entries(BTC, atr_pct=atr_pct)[0], entries(SOL, atr_pct=atr_pct)[0]

    for call, sign in ((long, 1), (short, -1)):
        price = (number(call, "key_support") + number(call, "key_resistance")) / 2
        stop_pct = 100 * sign * (price - number(call, "stop_price")) / price
        target_pct = 100 * sign * (number(call, "target_price") - price) / price
        assert stop_pct == pytest.approx(distance_pct, rel=0.01)
        assert target_pct == pytest.approx(2 * distance_pct, rel=0.01)


@pytest.mark.parametrize(
    ("adx", "strength"),
    [(14.9, "weak"), (15, "moderate"), (24.9, "moderate"), (25, "strong"), (80, "strong")],
)
def test_the_trend_is_as_strong_as_adx_says(adx: float, strength: str) -> None:
    call = entries(BTC, adx=adx)[0]

    assert call.arguments["trend_strength"] == strength
    assert call.arguments["confidence_score"] == min(95, 40 + adx)


@pytest.mark.parametrize("name", ["price", "rsi", "adx", "atr_pct", "ema_gap_pct"])
@pytest.mark.parametrize("value", [None, "nan", "n/a", "inf", "-"])
def test_a_missing_fact_means_wait_and_is_named(name: str, value: str | None) -> None:
    call = flat(market(**{name: value}))

    assert call.tool == "signal_wait"
    assert f"lacks {name}." in str(call.arguments["reason"])


@pytest.mark.parametrize("price", [0, -5])
def test_a_price_that_cannot_be_is_missing(price: float) -> None:
    assert "lacks price." in str(flat(market(price=price)).arguments["reason"])


@pytest.mark.parametrize("name", ["side", "profit_pct", "held_candles", "adjustments", "price"])
def test_a_missing_fact_means_hold_and_is_named(name: str) -> None:
    call = held(position(**{name: None}))

    assert call.tool == "signal_hold"
    assert f"lacks {name}." in str(call.arguments["reason"])
    assert "stop_price" not in call.arguments


def test_an_unknown_side_is_a_missing_side() -> None:
    assert "lacks side." in str(held(position(side="sideways")).arguments["reason"])


def test_a_prompt_without_facts_still_gets_a_valid_call() -> None:
    for offered in (FLAT, IN_POSITION):
        call = decide(offered, read_facts(["what do you think of the market?"]))
        assert call is not None
        assert call.arguments["pair"] == "unknown"
        assert call.arguments["rsi_value"] == 50.0
        accept(call)


@pytest.mark.parametrize("held_candles", [0, 1])
def test_a_young_position_is_adjusted_once_by_its_half(held_candles: int) -> None:
    added = held(position(BTC, held_candles=held_candles, adjustments=0))
    reduced = held(position(SOL, held_candles=held_candles, adjustments=0))

    assert (added.tool, added.arguments["adjustment_pct"]) == ("adjust_position", 50.0)
    assert (reduced.tool, reduced.arguments["adjustment_pct"]) == ("adjust_position", -30.0)


def test_a_young_position_that_was_adjusted_is_not_adjusted_again() -> None:
    assert held(position(held_candles=1, adjustments=1)).tool == "signal_hold"


def test_a_position_too_old_to_adjust_ends() -> None:
    assert held(position(held_candles=2, adjustments=0)).tool == "signal_exit"


@pytest.mark.parametrize(("pair", "candles"), [(BTC, 2), (SOL, 1)])
def test_followers_are_held_a_candle_longer_than_faders(pair: str, candles: int) -> None:
    assert held(position(pair, held_candles=candles)).tool == "signal_exit"
    assert held(position(pair, held_candles=candles - 1)).tool == "signal_hold"


@pytest.mark.parametrize(
    ("held_candles", "profit_pct", "tool"),
    [
        (1, 0, "signal_hold"),
        (2, 0, "signal_exit"),
        (9, 0, "signal_exit"),
        (1, 1.49, "signal_hold"),
        (1, 1.5, "signal_exit"),
        (1, -1.49, "signal_hold"),
        (1, -1.5, "signal_exit"),
    ],
)
def test_a_position_ends_with_time_or_with_profit_or_loss(
    held_candles: int, profit_pct: float, tool: str
) -> None:
    assert held(position(held_candles=held_candles, profit_pct=profit_pct)).tool == tool


@pytest.mark.parametrize(
    ("profit_pct", "score", "verdict"),
    [
        (-9, 0, "did not pay"),
        (-1, 30, "did not pay"),
        (0, 50, "did not pay"),
        (1, 70, "paid here"),
        (9, 100, "paid here"),
    ],
)
def test_an_exit_is_scored_by_its_profit_and_says_what_it_taught(
    profit_pct: float, score: float, verdict: str
) -> None:
    call = held(position(held_candles=3, profit_pct=profit_pct))
    reason = str(call.arguments["reason"])

    assert call.arguments["trade_score"] == score
    assert "Lesson: following the trend at ADX 21" in reason
    assert verdict in reason
    assert "Lesson: fading" in str(held(position(SOL, held_candles=3)).arguments["reason"])


@pytest.mark.parametrize(("side", "sign"), [("long", 1), ("short", -1)])
def test_a_hold_in_profit_tightens_the_stop_half_of_the_time(side: str, sign: int) -> None:
    calls = [held(position(side=side, price=1000 + step, atr_pct=0.5)) for step in range(100)]
    stops = {
        step: number(call, "stop_price")
        for step, call in enumerate(calls)
        if "stop_price" in call.arguments
    }

    assert {call.tool for call in calls} == {"signal_hold"}
    assert 30 < len(stops) < 70
    for step, stop in stops.items():
        assert stop == pytest.approx((1000 + step) * (1 - sign * 0.01), rel=1e-5)


def test_a_quiet_market_keeps_a_tightened_stop_three_tenths_of_a_percent_away() -> None:
    calls = [held(position(price=1000 + step, atr_pct=0.01)) for step in range(20)]
    stops = [number(call, "stop_price") for call in calls if "stop_price" in call.arguments]

    assert stops
    assert all(stop % 1000 < 1000 for stop in stops)
    assert max(stops) <= 1019 * 0.997 + 0.01


@pytest.mark.parametrize("profit_pct", [0, -0.4])
def test_a_hold_without_profit_leaves_the_stop_alone(profit_pct: float) -> None:
    calls = [held(position(price=1000 + step, profit_pct=profit_pct)) for step in range(30)]

    assert all("stop_price" not in call.arguments for call in calls)


def test_every_reason_says_that_it_comes_from_the_script() -> None:
    calls = [flat(market(price=1000 + step)) for step in range(12)]
    calls += [held(position(held_candles=count, adjustments=0)) for count in range(5)]

    assert all(
        str(call.arguments["reason"]).startswith("Scripted sandbox model: ") for call in calls
    )


def test_without_a_tool_that_tells_the_stance_there_is_no_call() -> None:
    facts = read_facts([market()])

    assert decide(frozenset(), facts) is None
    assert decide(frozenset({"signal_exit", "get_weather"}), facts) is None


def test_the_first_occurrence_of_a_key_wins() -> None:
    facts = read_facts([market() + "\nlesson: price=1 rsi=99 was a good entry"])

    assert facts.numbers["price"] == 87123.4
    assert facts.numbers["rsi"] == 55.2


def test_of_several_pairs_each_has_its_own_facts() -> None:
    text = f"{market(BTC)}\n{market(SOL)} side=short profit_pct=1.2\nequity=1000"
    first, second = read_all_facts([text])

    assert (first.pair, first.side, "profit_pct" in first.numbers) == (BTC, None, False)
    assert (second.pair, second.side, second.numbers["profit_pct"]) == (SOL, "short", 1.2)


def test_what_is_quoted_is_not_a_fact_of_now() -> None:
    quoted = "<quoted 12>\n- pair=SOL/USDT:USDT rsi=1.0\n</quoted 12>"
    (facts,) = read_all_facts([f"{quoted}\n{market(BTC)}"])

    assert (facts.pair, facts.numbers["rsi"]) == (BTC, 55.2)


def test_where_both_kinds_of_tools_are_offered_the_position_tells_the_stance() -> None:
    both = frozenset({"signal_entry_long", "signal_entry_short", "signal_wait"}) | frozenset(
        {"signal_exit", "adjust_position", "signal_hold"}
    )
    flat = decide(both, read_facts([market(BTC)]))
    held = decide(both, read_facts([f"{market(BTC)} side=long"]))

    assert flat is not None
    assert flat.tool in {"signal_entry_long", "signal_entry_short", "signal_wait"}
    assert held is not None
    assert held.tool in {"signal_exit", "adjust_position", "signal_hold"}


def test_the_newest_user_message_about_a_pair_is_the_question() -> None:
    older, newer = market(SOL), market(BTC)

    assert read_facts([older, newer, "Your call was refused: try again."]).pair == BTC
    assert read_facts([newer, older]).pair == SOL
    assert read_facts([]).pair == "unknown"


@pytest.mark.parametrize(
    ("text", "rsi"),
    [
        ("pair=X rsi=55.2,", 55.2),
        ("pair=X (rsi=55.2)", 55.2),
        ("pair=X [rsi=55.2]", 55.2),
        ("pair=X rsi=+55.2%", 55.2),
        ("pair=X|rsi=5e1|", 50.0),
        ("pair=X rsi = 55.2", None),
        ("pair=X 1h_rsi=70", None),
        ("pair=X last.rsi=70", None),
    ],
)
def test_tokens_are_read_despite_punctuation_and_not_out_of_other_words(
    text: str, rsi: float | None
) -> None:
    assert read_facts([text]).numbers.get("rsi") == rsi


def accept(call: ScriptedCall) -> None:
    """Validate a call as the strategy would, after its way through JSON."""
    TOOL_CALL.validate_json(json.dumps(call.arguments | {"tool": call.tool}))


finite = st.floats(allow_nan=False, allow_infinity=False)
numbers = st.fixed_dictionaries(
    {
        "price": st.floats(0.001, 1e6),
        "atr_pct": st.floats(-10, 1e9),
        "held_candles": st.integers(-1, 10),
        "rsi": finite,
        "adx": finite,
        "ema_gap_pct": finite,
        "profit_pct": finite,
        "adjustments": finite,
    }
)


@given(
    st.sampled_from(PAIRS),
    st.sampled_from([FLAT, IN_POSITION]),
    st.sampled_from(["long", "short"]),
    numbers,
)
@settings(max_examples=200)
def test_whatever_the_numbers_are_the_call_is_valid_and_about_the_pair(
    pair: str, offered: frozenset[str], side: str, drawn: dict[str, float]
) -> None:
    call = ask(position(pair, side=side, **drawn), offered)

    assert call.tool in offered
    assert call.arguments["pair"] == pair
    accept(call)


def test_facts_name_what_is_missing_in_the_order_it_was_wanted() -> None:
    facts = Facts("X", None, {"rsi": 1.0})

    assert facts.missing(("price", "rsi", "adx")) == ["price", "adx"]
