from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOON, a_trade_record
from llm_modules.config import TIMEFRAMES
from llm_modules.journal.gist import TradeGist, gist_of
from llm_modules.learning.conditions import CODES, conditions
from llm_modules.learning.wording import learning_phrases

TINY = 1e-9
MAIN = "ema_gap_pct"


def opened_with(facts: dict[str, float], *, confidence: float = 60, **changes: Any) -> TradeGist:
    entry = a_trade_record().entry
    assert entry is not None
    thesis = entry.model_copy(
        update={
            "reason": "the RSI is above 70 and the trend is up",
            "confidence_score": confidence,
            "facts": facts,
        }
    )
    return gist_of(a_trade_record(**({"entry": thesis} | changes)))


def found(rule: str, trade: TradeGist) -> list[str]:
    """What one rule answers, without its own name."""
    codes = [code for code in conditions(trade) if code.startswith(f"{rule}.")]
    return [code.removeprefix(f"{rule}.") for code in codes]


@pytest.mark.parametrize(
    ("rsi", "zone"),
    [
        (0.0, "below_30"),
        (30 - TINY, "below_30"),
        (30.0, "30_45"),
        (45 - TINY, "30_45"),
        (45.0, "45_55"),
        (55 - TINY, "45_55"),
        (55.0, "55_70"),
        (70.0, "55_70"),
        (70 + TINY, "above_70"),
        (100.0, "above_70"),
    ],
)
def test_the_rsi_falls_into_one_of_five_zones(rsi: float, zone: str) -> None:
    assert found("rsi", opened_with({"rsi": rsi})) == [zone]


@pytest.mark.parametrize(
    ("adx", "zone"),
    [(20 - TINY, "below_20"), (20.0, "20_25"), (25.0, "20_25"), (25 + TINY, "above_25")],
)
def test_the_adx_falls_into_one_of_three_zones(adx: float, zone: str) -> None:
    assert found("adx", opened_with({"adx": adx})) == [zone]


@pytest.mark.parametrize(
    ("ratio", "band"),
    [
        (0.0, "low"),
        (0.8 - TINY, "low"),
        (0.8, "usual"),
        (1.5 - TINY, "usual"),
        (1.5, "high"),
        (9.0, "high"),
    ],
)
def test_volatility_is_low_usual_or_high_against_its_own_mean(ratio: float, band: str) -> None:
    assert found("volatility", opened_with({"atr_ratio": ratio})) == [band]


@pytest.mark.parametrize(
    ("side", "gap", "alignment"),
    [
        ("long", 0.1, "with_ema"),
        ("long", -0.1, "against_ema"),
        ("short", -0.1, "with_ema"),
        ("short", 0.1, "against_ema"),
    ],
)
def test_a_trade_goes_with_or_against_the_trend_depending_on_its_side(
    side: str, gap: float, alignment: str
) -> None:
    assert found("trend", opened_with({MAIN: gap}, side=side)) == [alignment]


def test_without_a_gap_there_is_no_trend_to_go_with() -> None:
    assert found("trend", opened_with({MAIN: 0.0})) == []


@pytest.mark.parametrize(
    ("gaps", "as_long", "as_short"),
    [
        ((0.1, 0.2), ["with_all"], ["against_all"]),
        ((-0.1, -0.2), ["against_all"], ["with_all"]),
        ((0.1, 0.2, -0.1), ["with_most"], ["against_most"]),
        ((-0.1, 0.2, -0.1), ["against_most"], ["with_most"]),
        ((0.1, -0.1), [], []),
        ((0.1, -0.1, 0.2, -0.2), [], []),
        ((0.1,), [], []),
        ((), [], []),
        ((0.1, 0.0), [], []),
        ((0.1, 0.0, 0.1), ["with_all"], ["against_all"]),
    ],
)
def test_timeframes_are_with_or_against_the_side_all_or_most_of_them(
    gaps: tuple[float, ...], as_long: list[str], as_short: list[str]
) -> None:
    names = (MAIN, "ema_gap_pct_1h", "ema_gap_pct_4h", "ema_gap_pct_1d")
    facts = dict(zip(names, gaps, strict=False))
    assert found("timeframes", opened_with(facts, side="long")) == as_long
    assert found("timeframes", opened_with(facts, side="short")) == as_short


@pytest.mark.parametrize("timeframe", TIMEFRAMES)
def test_every_timeframe_that_can_be_configured_counts(timeframe: str) -> None:
    facts = {MAIN: 0.1, f"ema_gap_pct_{timeframe}": 0.1}
    assert found("timeframes", opened_with(facts)) == ["with_all"]


@pytest.mark.parametrize(
    ("distance", "band"),
    [
        (0.0, ["within_1_atr"]),
        (1.99, ["within_1_atr"]),
        (2.0, ["1_3_atr"]),
        (6.0, ["1_3_atr"]),
        (6.01, ["beyond_3_atr"]),
        (-0.01, []),
    ],
)
def test_the_distance_to_what_is_to_hold_counts_in_atrs(distance: float, band: list[str]) -> None:
    # An ATR of 2 % of 100.
    levels = {"support": 100 - distance, "resistance": 150.0, "atr_pct": 2.0}
    assert found("support", opened_with(levels, open_rate=100.0)) == band
    levels = {"support": 50.0, "resistance": 100 + distance, "atr_pct": 2.0}
    assert found("support", opened_with(levels, open_rate=100.0, side="short")) == band


@pytest.mark.parametrize("missing", ["support", "atr_pct"])
def test_without_level_or_atr_there_is_no_distance(missing: str) -> None:
    facts = {"support": 99.0, "resistance": 101.0, "atr_pct": 1.0}
    assert found("support", opened_with(facts))
    del facts[missing]
    assert found("support", opened_with(facts)) == []


@pytest.mark.parametrize("atr_pct", [0.0, -1.0])
def test_an_atr_of_nothing_measures_nothing(atr_pct: float) -> None:
    assert found("support", opened_with({"support": 99.0, "atr_pct": atr_pct})) == []


@pytest.mark.parametrize(
    ("confidence", "band"),
    [
        (1.0, "0-49"),
        (49.9, "0-49"),
        (50.0, "50-69"),
        (69.9, "50-69"),
        (70.0, "70-84"),
        (84.9, "70-84"),
        (85.0, "85-100"),
        (100.0, "85-100"),
    ],
)
def test_the_confidence_falls_into_one_of_four_bands(confidence: float, band: str) -> None:
    assert found("confidence", opened_with({}, confidence=confidence)) == [band]


@pytest.mark.parametrize(
    ("leverage", "band"),
    [
        (1.0, "1-3x"),
        (3.0, "1-3x"),
        (3.1, "4-5x"),
        (5.0, "4-5x"),
        (5.1, "6-10x"),
        (10.0, "6-10x"),
        (10.1, ">10x"),
        (125.0, ">10x"),
    ],
)
def test_the_leverage_falls_into_one_of_four_bands(leverage: float, band: str) -> None:
    assert found("leverage", opened_with({}, leverage=leverage)) == [band]


@pytest.mark.parametrize(
    ("minutes", "band"),
    [
        (0, "under_1_h"),
        (59.9, "under_1_h"),
        (60, "1_4_h"),
        (239.9, "1_4_h"),
        (240, "4_24_h"),
        (1439.9, "4_24_h"),
        (1440, "over_24_h"),
        (99_999, "over_24_h"),
    ],
)
def test_the_holding_time_falls_into_one_of_four_bands(minutes: float, band: str) -> None:
    opened_at = NOON - timedelta(minutes=minutes)
    assert found("held", opened_with({}, opened_at=opened_at, closed_at=NOON)) == [band]


@pytest.mark.parametrize(
    ("clock", "block"),
    [
        ("00:00", "00-06"),
        ("05:59", "00-06"),
        ("06:00", "06-12"),
        ("12:00", "12-18"),
        ("18:00", "18-24"),
        ("23:59", "18-24"),
    ],
)
def test_the_day_has_four_blocks_of_six_hours(clock: str, block: str) -> None:
    hour, minute = map(int, clock.split(":"))
    opened_at = NOON.replace(hour=hour, minute=minute)
    assert found("hour", opened_with({}, opened_at=opened_at)) == [block]


def test_the_hour_is_utc_whatever_zone_the_time_came_in() -> None:
    tokyo = timezone(timedelta(hours=9))
    opened_at = datetime(2026, 1, 15, 8, 0, tzinfo=tokyo)
    assert found("hour", opened_with({}, opened_at=opened_at)) == ["18-24"]


def test_a_trade_without_facts_meets_only_what_is_known_of_every_trade() -> None:
    assert conditions(opened_with({})) == (
        "side.long",
        "leverage.1-3x",
        "hour.06-12",
        "held.1_4_h",
        "confidence.50-69",
    )


def test_a_trade_without_thesis_still_counts_by_side_leverage_hour_and_time() -> None:
    assert conditions(gist_of(a_trade_record(entry=None, side="short"))) == (
        "side.short",
        "leverage.1-3x",
        "hour.06-12",
        "held.1_4_h",
    )


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_code_has_its_words_and_no_words_are_left_over(language: Any) -> None:
    phrases = learning_phrases(language)
    prefix = "patterns.condition."
    worded = {key.removeprefix(prefix) for key in phrases if key.startswith(prefix)}
    assert worded == set(CODES)
    words = [phrases(f"{prefix}{code}") for code in CODES]
    assert len(set(words)) == len(words)


numbers = st.floats(allow_nan=False, allow_infinity=False)
names = st.sampled_from(
    ["rsi", "adx", "atr_ratio", "atr_pct", "support", "resistance", MAIN, f"{MAIN}_1h", "other"]
)


@given(
    st.dictionaries(names, numbers),
    numbers,
    st.sampled_from(["long", "short"]),
    numbers,
    st.datetimes(
        min_value=datetime(1970, 1, 2),  # noqa: DTZ001 hypothesis wants them naive
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=-11))]),
    ),
)
def test_whatever_a_line_holds_each_rule_answers_once_with_a_known_code(
    facts: dict[str, float], confidence: float, side: str, rate: float, opened_at: datetime
) -> None:
    trade = opened_with(
        facts, confidence=confidence, side=side, open_rate=rate, opened_at=opened_at
    )
    codes = conditions(trade)
    assert set(codes) <= set(CODES)
    rules = [code.partition(".")[0] for code in codes]
    assert len(set(rules)) == len(rules)


def test_answers_are_shared_not_made_anew() -> None:
    trade, other = opened_with({"rsi": 44.0}), opened_with({"rsi": 31.0})
    pairs = zip(conditions(trade), conditions(other), strict=True)
    assert all(mine is yours for mine, yours in pairs)
