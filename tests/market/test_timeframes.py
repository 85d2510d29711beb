"""Durations of Freqtrade's timeframes."""

import pytest

from llm_modules.config import TIMEFRAMES
from llm_modules.market.timeframes import duration_ms


@pytest.mark.parametrize(
    ("timeframe", "minutes"),
    [("1m", 1), ("30m", 30), ("1h", 60), ("12h", 720), ("1d", 1440), ("3d", 4320), ("1w", 10080)],
)
def test_a_candle_lasts_what_its_timeframe_says(timeframe: str, minutes: int) -> None:
    assert duration_ms(timeframe) == minutes * 60_000


def test_every_timeframe_of_the_configuration_is_known_and_longer_than_the_one_before() -> None:
    durations = [duration_ms(timeframe) for timeframe in TIMEFRAMES]

    assert durations == sorted(set(durations))
