import math
from datetime import timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOON, a_trade_record
from llm_modules.gate import emergency
from llm_modules.gate.risk_state import RiskState
from llm_modules.journal.gist import TradeGist, gist_of
from llm_modules.journal.records import EntryThesis, Finding, Reflection
from llm_modules.learning.remembered import ENDED_BY_OTHERS, LONGEST_LESSON, remembered

FINDING = Finding(code="take_profit", stands=True, values={"best": "+8 %"})
FACTS = {
    "rsi": 62.0,
    "adx": 36.0,
    "bb_position": 0.5,
    "atr_pct": 0.6,
    "ema_gap_pct": 0.0,
    "macd_hist_pct": 0.0,
    "volume_ratio": 1.0,
    "change_pct_24h": 0.0,
}


def a_gist(**changes: Any) -> TradeGist:
    return gist_of(a_trade_record(**changes))


def an_entry(**changes: Any) -> EntryThesis:
    values = {
        "decision_id": "d-1",
        "reason": "the trend is up",
        "confidence_score": 70.0,
        "key_support": 95.0,
        "key_resistance": 110.0,
        "stop_price": 97.0,
        "target_price": 106.0,
        "invalidation": None,
        "facts": FACTS,
        "model": "a-model",
        "timeframe": "30m",
    }
    return EntryThesis.model_validate(values | changes)


def test_numbers_and_names_are_kept_as_they_are() -> None:
    gist = a_gist(entry=an_entry())
    trade = remembered(gist)
    same = ("trade_id", "pair", "side", "leverage", "opened_at", "closed_at", "profit_ratio")
    same += ("mfe_ratio", "mae_ratio", "exit_reason", "reward")
    assert [getattr(trade, name) for name in same] == [getattr(gist, name) for name in same]
    assert (trade.model, trade.confidence_score) == ("a-model", 70.0)
    assert (trade.score, trade.grade) == (81.0, "A")


def test_the_market_at_entry_is_kept_as_regime_conditions_and_situation() -> None:
    trade = remembered(a_gist(entry=an_entry()))
    assert trade.regime == "trending"
    assert "rsi.55_70" in trade.conditions
    assert trade.situation == pytest.approx((1, 1, 0, 0, 0, 0, 0, 0))


def test_without_a_thesis_little_is_known() -> None:
    trade = remembered(a_gist(entry=None))
    assert (trade.model, trade.confidence_score) == ("", None)
    assert (trade.regime, trade.situation) == ("unknown", None)
    assert "side.long" in trade.conditions


@pytest.mark.parametrize("reason", ["signal_exit", "stop_loss", "liquidation", "stop_crossed", ""])
def test_what_the_model_and_its_stops_ended_is_its_own(reason: str) -> None:
    assert remembered(a_gist(exit_reason=reason)).is_own


@pytest.mark.parametrize("reason", sorted(ENDED_BY_OTHERS))
def test_what_people_or_a_halt_ended_is_not_the_models_own(reason: str) -> None:
    assert not remembered(a_gist(exit_reason=reason)).is_own


@pytest.mark.parametrize(
    "reason", ["force_exit", "emergency_exit", "sold_on_exchange", "emergency_stop", "flatten"]
)
def test_all_ways_of_ending_a_trade_from_outside_are_known(reason: str) -> None:
    assert reason in ENDED_BY_OTHERS


def test_every_exit_tag_of_the_emergency_stop_is_among_them() -> None:
    states = (
        RiskState(peak_equity=0.0, tripped_because="a loss"),
        RiskState(peak_equity=0.0, halted_because="by hand"),
        RiskState(peak_equity=0.0, flattening=True),
    )
    tags = {emergency._exit_tag(state) for state in states} - {None}
    assert tags
    assert tags <= ENDED_BY_OTHERS


def test_times_of_another_zone_become_utc() -> None:
    east = timezone(timedelta(hours=8))
    trade = remembered(a_gist(opened_at=NOON.astimezone(east), closed_at=NOON.astimezone(east)))
    assert trade.closed_at == NOON
    assert trade.closed_at.tzinfo is trade.opened_at.tzinfo is NOON.tzinfo


def test_with_findings_no_sentence_is_kept() -> None:
    reflection = Reflection(summary="won", lessons=("take profit",), findings=(FINDING,))
    trade = remembered(a_gist(reflection=reflection))
    assert (trade.findings, trade.lesson) == ((FINDING,), "")


@pytest.mark.parametrize(
    ("lessons", "kept"),
    [(("keep the stop", "be early"), "keep the stop"), ((), "won 5.8 %")],
)
def test_of_an_older_record_the_first_lesson_is_kept_or_the_summary(
    lessons: tuple[str, ...], kept: str
) -> None:
    reflection = Reflection(summary="won 5.8 %", lessons=lessons)
    assert remembered(a_gist(reflection=reflection)).lesson == kept


@pytest.mark.parametrize("length", [LONGEST_LESSON - 1, LONGEST_LESSON, LONGEST_LESSON + 1])
def test_no_more_of_a_sentence_is_kept_than_is_ever_quoted(length: int) -> None:
    reflection = Reflection(summary="", lessons=("x" * length,))
    assert len(remembered(a_gist(reflection=reflection)).lesson) == min(length, LONGEST_LESSON)


def test_trades_share_the_texts_that_repeat() -> None:
    def unshared() -> TradeGist:
        pair, reason, model = ("".join(parts) for parts in (("E", "TH"), ("stop", "_loss"), "xyz"))
        return a_gist(pair=pair, exit_reason=reason, entry=an_entry(model=model))

    one, other = remembered(unshared()), remembered(unshared())
    for name in ("pair", "side", "exit_reason", "model", "grade"):
        assert getattr(one, name) is getattr(other, name), name
    for code, same in zip(one.conditions, other.conditions, strict=True):
        assert code is same


numbers = st.floats(allow_nan=False, allow_infinity=False)


@given(
    facts=st.dictionaries(st.sampled_from([*FACTS, "atr_ratio"]), numbers),
    leverage=numbers,
    profit_ratio=numbers,
)
def test_no_number_a_line_may_hold_is_too_wild(
    facts: dict[str, float], leverage: float, profit_ratio: float
) -> None:
    entry = an_entry(facts=facts)
    trade = remembered(a_gist(entry=entry, leverage=leverage, profit_ratio=profit_ratio))
    assert trade.situation is None or all(
        math.isnan(axis) or abs(axis) <= 4 for axis in trade.situation
    )
