"""The made-up position: as a real one of your usual size would stand at this moment."""

from dataclasses import replace
from datetime import timedelta

import pytest

from builders import NOON, PAIR, a_position, a_question, a_risk, a_world, some_candles
from llm_modules.domain import MarketSnapshot, OpenPosition
from llm_modules.engine.question import Question
from llm_modules.errors import MarketDataError
from llm_modules.market.snapshot import build_snapshot
from llm_modules.preview.made_up import HELD_CANDLES, NO_TRADE, held, made_up

RISK = a_risk(default_leverage=4.0, max_stop_pct=5.0, fixed_position_pct=10.0)
CANDLES = some_candles("30m")


def look(question: Question) -> MarketSnapshot:
    return build_snapshot(question.pair, question.candle_at, question.frames, question.rules)


def position() -> OpenPosition:
    return made_up(a_question(), RISK, look)


def test_it_was_opened_some_candles_ago_at_the_price_of_then() -> None:
    made = position()

    assert made.opened_at == NOON - HELD_CANDLES * timedelta(minutes=30)
    assert made.open_rate == CANDLES.close[-1 - HELD_CANDLES]
    assert made.current_rate == CANDLES.close[-1]
    assert (made.trade_id, made.pair, made.side) == (NO_TRADE, PAIR, "long")


def test_it_has_your_usual_size_and_stop() -> None:
    made = position()

    assert (made.leverage, made.stake_amount) == (4.0, 100.0)
    assert made.stop_price == pytest.approx(made.open_rate * 0.95)
    assert made.liquidation_price == pytest.approx(made.open_rate * 0.75)


def test_its_course_is_that_of_the_candles_since() -> None:
    made = position()
    best, worst = CANDLES.high[-HELD_CANDLES:].max(), CANDLES.low[-HELD_CANDLES:].min()

    assert made.profit_ratio == pytest.approx((made.current_rate / made.open_rate - 1) * 4)
    assert made.mfe_ratio == pytest.approx(max(0, best / made.open_rate - 1) * 4)
    assert made.mae_ratio == pytest.approx(min(0, worst / made.open_rate - 1) * 4)
    assert made.mae_ratio <= made.profit_ratio <= made.mfe_ratio
    assert made.best_rate >= made.open_rate


def test_its_thesis_says_that_it_is_made_up_and_holds_the_facts_of_then() -> None:
    made = position()
    then = look(replace(a_question(), candle_at=made.opened_at))
    assert made.thesis is not None

    assert made.thesis.reason.startswith("Made up for this preview")
    assert made.thesis.facts == {"price": then.price, **then.facts}
    assert made.thesis.key_support == then.facts["support"]
    assert made.thesis.target_price == pytest.approx(made.open_rate * 1.1)


def test_where_the_market_of_then_is_not_known_nothing_is_made_up() -> None:
    frames = (some_candles("30m", 62), some_candles("1h"))

    with pytest.raises(MarketDataError, match="56 candles are too few"):
        made_up(a_question(frames=frames), RISK, look)


def test_the_account_holds_it_beside_what_it_held() -> None:
    other = a_position(pair="ETH/USDT:USDT")
    world = held(a_world(other), position())

    assert world.positions.keys() == {"ETH/USDT:USDT", PAIR}
    assert (world.account.free, world.account.used_stake, world.account.open_trades) == (
        800.0,
        200.0,
        2,
    )
    assert world.account.equity == 1000.0
