"""Whatever the market and the model do: no silence too long, nothing repeated that has changed."""

from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from llm_modules.config import AskingConfig
from llm_modules.domain import OpenPosition
from llm_modules.engine.recording import skipped_record
from llm_modules.engine.sparing import Skip, Sparing
from llm_modules.engine.sparing.sparing import QUIET_TOOLS
from llm_modules.journal.records import DECISION_LINES, DecisionRecord
from sparing_scenes import FACTS, a_holding, a_snapshot, asked, at_candle, close_of

CONFIGS = st.builds(
    AskingConfig,
    flat_every_candles=st.integers(1, 4),
    in_position_every_candles=st.integers(1, 4),
    skip_unchanged=st.booleans(),
    cache_minutes=st.sampled_from([0.0, 45.0, 120.0, 600.0]),
    longest_silence_candles=st.integers(1, 8),
    same_price_pct=st.sampled_from([0.1, 0.3, 2.0]),
    same_indicator_points=st.sampled_from([1.0, 5.0, 50.0]),
    same_profit_points=st.sampled_from([0.5, 1.0, 10.0]),
)


@dataclass(frozen=True)
class Candle:
    """One candle: how the market is, what is held, and what the model says if it is asked."""

    price: float
    rsi: float
    gap: float
    trade_id: int
    profit: float
    stop: float
    loud: str | None

    @property
    def position(self) -> OpenPosition | None:
        if not self.trade_id:
            return None
        return a_holding(trade_id=self.trade_id, profit_ratio=self.profit, stop_price=self.stop)

    @property
    def facts(self) -> dict[str, float]:
        return FACTS | {"price": self.price, "rsi": self.rsi, "ema_gap_pct": self.gap}

    @property
    def answer(self) -> dict[str, Any]:
        if self.loud is None:
            return {}
        return (
            {"status": self.loud, "tool": None} if self.loud == "failed" else {"status": self.loud}
        )


CANDLES = st.builds(
    Candle,
    price=st.sampled_from([100.0, 100.05, 100.25, 100.6, 102.0, 96.9]),
    rsi=st.sampled_from([50.0, 50.5, 53.0, 56.0]),
    gap=st.sampled_from([0.4, 0.4, 0.4, -0.4]),
    trade_id=st.sampled_from([0, 0, 0, 7, 7, 8]),
    profit=st.sampled_from([0.03, 0.033, 0.05]),
    stop=st.sampled_from([95.0, 95.0, 96.0]),
    loud=st.sampled_from([None, None, None, None, "failed", "refused", "clamped"]),
)
STORIES = st.lists(CANDLES, min_size=2, max_size=40)


def play(config: AskingConfig, story: list[Candle]) -> list[tuple[Skip | None, DecisionRecord]]:
    """Ask candle after candle; what is not skipped gets the story's answer."""
    made, lines = Sparing(config), []
    for number, candle in enumerate(story):
        question = at_candle(number, *filter(None, [candle.position]))
        snapshot = a_snapshot(number, **candle.facts)
        skip = made.reason_to_skip(question, snapshot)
        if skip is None:
            record = asked(number, candle.position, facts=candle.facts, **candle.answer)
        else:
            record = skipped_record(question, close_of(number), snapshot, "m", skip)
        made.note(record)
        lines.append((skip, record))
    return lines


@given(CONFIGS, STORIES)
def test_no_silence_is_longer_than_allowed(config: AskingConfig, story: list[Candle]) -> None:
    every = max(config.flat_every_candles, config.in_position_every_candles)
    longest = max(config.longest_silence_candles, every - 1)
    silence = 0
    for skip, _ in play(config, story):
        silence = 0 if skip is None else silence + 1
        assert silence <= longest


@given(CONFIGS, STORIES)
def test_what_is_repeated_is_quiet_recent_and_alike(
    config: AskingConfig, story: list[Candle]
) -> None:
    lines = play(config, story)
    by_id = {record.decision_id: (number, record) for number, (_, record) in enumerate(lines)}
    for now, (skip, _) in enumerate(lines):
        if skip is None or skip.repeats is None:
            continue
        then, record = by_id[skip.repeats]
        before, after = story[then], story[now]
        assert record.status == "approved"
        assert record.tool == QUIET_TOOLS[record.stance]
        assert abs(after.price / before.price - 1) * 100 < config.same_price_pct
        assert abs(after.rsi - before.rsi) < config.same_indicator_points
        assert after.gap == before.gap
        assert after.trade_id == before.trade_id
        if after.trade_id:
            assert after.stop == before.stop
            assert abs(after.profit - before.profit) * 100 < config.same_profit_points
            assert after.price > after.stop
        between = [line for _, line in lines[then:now] if line.status != "skipped"]
        assert all(line.status == "approved" for line in between)
        is_cached = (now - then) * 30 <= config.cache_minutes
        assert is_cached or (config.skip_unchanged and len(between) == 1)


@settings(max_examples=50)
@given(CONFIGS, STORIES)
def test_a_restart_at_any_candle_changes_nothing(config: AskingConfig, story: list[Candle]) -> None:
    lines = play(config, story)
    journal = [record.model_dump_json(by_alias=True) for _, record in lines]
    for number, candle in enumerate(story):
        restarted = Sparing(config)
        restarted.load(DECISION_LINES.validate_json(line) for line in journal[:number])
        question = at_candle(number, *filter(None, [candle.position]))
        skip = restarted.reason_to_skip(question, a_snapshot(number, **candle.facts))
        assert skip == lines[number][0]


@given(STORIES)
def test_as_shipped_nothing_is_skipped(story: list[Candle]) -> None:
    assert all(skip is None for skip, _ in play(AskingConfig(), story))
