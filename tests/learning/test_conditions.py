from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from builders import NOON, a_trade_record
from llm_modules.journal.records import EntryThesis, TradeRecord
from llm_modules.learning.conditions import conditions

TINY = 1e-9


def opened_with(facts: dict[str, float], *, confidence: float = 60, **changes: Any) -> TradeRecord:
    entry = EntryThesis(
        decision_id="d-1",
        reason="the RSI is above 70 and the trend is up",
        confidence_score=confidence,
        key_support=95,
        key_resistance=110,
        stop_price=97,
        target_price=None,
        invalidation=None,
        facts=facts,
    )
    return a_trade_record(**({"entry": entry} | changes))


@pytest.mark.parametrize(
    ("rsi", "zone"),
    [
        (0.0, "RSI below 30"),
        (30 - TINY, "RSI below 30"),
        (30.0, "RSI 30-45"),
        (45 - TINY, "RSI 30-45"),
        (45.0, "RSI 45-55"),
        (55 - TINY, "RSI 45-55"),
        (55.0, "RSI 55-70"),
        (70.0, "RSI 55-70"),
        (70 + TINY, "RSI above 70"),
        (100.0, "RSI above 70"),
    ],
)
def test_the_rsi_falls_into_one_of_five_zones(rsi: float, zone: str) -> None:
    assert zone in conditions(opened_with({"rsi": rsi}))


@pytest.mark.parametrize(
    ("adx", "zone"),
    [
        (20 - TINY, "ADX below 20"),
        (20.0, "ADX 20-25"),
        (25.0, "ADX 20-25"),
        (25 + TINY, "ADX above 25"),
    ],
)
def test_the_adx_falls_into_one_of_three_zones(adx: float, zone: str) -> None:
    assert zone in conditions(opened_with({"adx": adx}))


@pytest.mark.parametrize(
    ("side", "gap", "alignment"),
    [
        ("long", 0.1, "with the EMA trend"),
        ("long", -0.1, "against the EMA trend"),
        ("short", -0.1, "with the EMA trend"),
        ("short", 0.1, "against the EMA trend"),
    ],
)
def test_a_trade_goes_with_or_against_the_trend_depending_on_its_side(
    side: str, gap: float, alignment: str
) -> None:
    assert alignment in conditions(opened_with({"ema_gap_pct": gap}, side=side))


def test_without_a_gap_there_is_no_trend_to_go_with() -> None:
    assert not any("EMA" in phrase for phrase in conditions(opened_with({"ema_gap_pct": 0.0})))


@pytest.mark.parametrize(
    ("confidence", "band"),
    [
        (1.0, "confidence below 50"),
        (49.9, "confidence below 50"),
        (50.0, "confidence 50-69"),
        (69.9, "confidence 50-69"),
        (70.0, "confidence 70-84"),
        (84.9, "confidence 70-84"),
        (85.0, "confidence 85+"),
        (100.0, "confidence 85+"),
    ],
)
def test_the_confidence_falls_into_one_of_four_bands(confidence: float, band: str) -> None:
    assert band in conditions(opened_with({}, confidence=confidence))


@pytest.mark.parametrize(
    ("leverage", "band"),
    [
        (1.0, "leverage 1-3x"),
        (3.0, "leverage 1-3x"),
        (3.1, "leverage 4-5x"),
        (5.0, "leverage 4-5x"),
        (5.1, "leverage 6-10x"),
        (10.0, "leverage 6-10x"),
        (10.1, "leverage above 10x"),
        (125.0, "leverage above 10x"),
    ],
)
def test_the_leverage_falls_into_one_of_four_bands(leverage: float, band: str) -> None:
    assert band in conditions(opened_with({}, leverage=leverage))


@pytest.mark.parametrize(
    ("clock", "block"),
    [
        ("00:00", "opened 00-06 h UTC"),
        ("05:59", "opened 00-06 h UTC"),
        ("06:00", "opened 06-12 h UTC"),
        ("12:00", "opened 12-18 h UTC"),
        ("18:00", "opened 18-24 h UTC"),
        ("23:59", "opened 18-24 h UTC"),
    ],
)
def test_the_day_has_four_blocks_of_six_hours(clock: str, block: str) -> None:
    hour, minute = map(int, clock.split(":"))
    opened_at = NOON.replace(hour=hour, minute=minute)
    assert block in conditions(opened_with({}, opened_at=opened_at))


def test_the_hour_is_utc_whatever_zone_the_time_came_in() -> None:
    tokyo = timezone(timedelta(hours=9))
    opened_at = datetime(2026, 1, 15, 8, 0, tzinfo=tokyo)
    assert "opened 18-24 h UTC" in conditions(opened_with({}, opened_at=opened_at))


def test_a_trade_without_facts_meets_only_what_is_known_of_every_trade() -> None:
    assert conditions(opened_with({})) == (
        "side long",
        "confidence 50-69",
        "leverage 1-3x",
        "opened 06-12 h UTC",
    )


def test_a_trade_without_thesis_still_counts_by_side_leverage_and_hour() -> None:
    assert conditions(a_trade_record(entry=None, side="short")) == (
        "side short",
        "leverage 1-3x",
        "opened 06-12 h UTC",
    )
