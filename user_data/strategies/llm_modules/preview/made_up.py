"""A position that nobody holds, to see how the model is asked about one."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from llm_modules.config import RiskConfig
from llm_modules.domain import MarketSnapshot, OpenPosition, Thesis
from llm_modules.engine.question import Question, World

HELD_CANDLES = 6
CONFIDENCE = 70.0
REASON = "Made up for this preview: a long on higher lows with the trend."
INVALIDATION = "Made up: a close below the support."
# No trade of Freqtrade's has this number.
NO_TRADE = 0


def made_up(
    question: Question, risk: RiskConfig, look: Callable[[Question], MarketSnapshot]
) -> OpenPosition:
    """Return a long opened some candles ago at the price of then, with your usual size and stop.

    Raises MarketDataError where the market of then cannot be looked at.
    """
    main = question.frames[0]
    span = timedelta(milliseconds=int(main.open_times[-1] - main.open_times[-2]))
    # A look cuts off what closed after its candle.
    then = look(replace(question, candle_at=question.candle_at - HELD_CANDLES * span))
    rate, leverage = float(main.close[-1]), float(risk.default_leverage)
    best, worst = (
        float(one) for one in (main.high[-HELD_CANDLES:].max(), main.low[-HELD_CANDLES:].min())
    )
    stop = then.price * (1 - risk.max_stop_pct / 100)

    def profit(at: float) -> float:
        return (at / then.price - 1) * leverage

    return OpenPosition(
        trade_id=NO_TRADE,
        pair=question.pair,
        side="long",
        opened_at=then.candle_at,
        open_rate=then.price,
        stake_amount=question.world.account.equity * risk.fixed_position_pct / 100,
        leverage=leverage,
        current_rate=rate,
        best_rate=max(best, then.price),
        profit_ratio=profit(rate),
        mfe_ratio=max(0.0, profit(best)),
        mae_ratio=min(0.0, profit(worst)),
        stop_price=stop,
        liquidation_price=then.price * (1 - 1 / leverage),
        entries=1,
        adjustments=0,
        thesis=_thesis(then, stop),
    )


def held(world: World, position: OpenPosition) -> World:
    """Return the same account with a position in it."""
    account = replace(
        world.account,
        free=world.account.free - position.stake_amount,
        used_stake=world.account.used_stake + position.stake_amount,
        open_trades=world.account.open_trades + 1,
    )
    return replace(world, account=account, positions={**world.positions, position.pair: position})


def _thesis(then: MarketSnapshot, stop: float) -> Thesis:
    facts = then.facts
    return Thesis(
        decision_id="made-up",
        reason=REASON,
        confidence_score=CONFIDENCE,
        key_support=facts.get("support", stop),
        key_resistance=facts.get("resistance", then.price + (then.price - stop)),
        stop_price=stop,
        target_price=then.price + 2 * (then.price - stop),
        invalidation=INVALIDATION,
        facts={"price": then.price, **facts},
        timeframe=then.main.timeframe,
    )
