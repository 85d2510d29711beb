"""What is seen of a pair's market before anybody is asked about it."""

from collections.abc import Sequence
from dataclasses import dataclass

from llm_modules.context.market_page import MarketPage
from llm_modules.domain import MarketSnapshot
from llm_modules.engine.question import Question
from llm_modules.market.snapshot import build_snapshot


@dataclass(frozen=True, slots=True)
class Sight:
    """A pair's market at the close of a candle; `market_page` tells it, None: not laid out yet."""

    snapshot: MarketSnapshot
    market_page: MarketPage | None = None


def snapshot_of(question: Question, extra_indicators: Sequence[str]) -> MarketSnapshot:
    """Turn the question's candles into a snapshot. Raises MarketDataError."""
    return build_snapshot(
        question.pair,
        question.candle_at,
        question.frames,
        question.rules,
        extra_indicators,
        question.funding_rate,
    )


def not_seen_before(_question: Question) -> Sight | None:
    """Know no market beforehand: live there is none."""
    return None
