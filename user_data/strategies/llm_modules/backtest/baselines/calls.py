"""Tool calls of who has no opinion: true about the market, so that no claim is refused."""

from dataclasses import dataclass

from llm_modules.backtest.baselines.script import Scene
from llm_modules.domain import Side
from llm_modules.gate.checks.claims import ADX_OF_A_TREND
from llm_modules.tools.calls import EntryLong, EntryShort, Exit, Hold, ToolCall, TrendStrength, Wait

CERTAIN = 100.0
MIDDLE_RSI = 50.0
# Of the price: levels that hold the price between them and mean nothing else.
LEVEL_DISTANCE = 0.05
REASON = "by a script"


@dataclass(frozen=True, slots=True)
class Order:
    """What an entry of a script is to be; None leaves the stake or the stop to the bot."""

    side: Side
    leverage: float
    stake_amount: float | None = None
    stop_price: float | None = None


def entry(scene: Scene, order: Order) -> ToolCall:
    """Return the entry that places an order."""
    snapshot = scene.snapshot
    kind = EntryLong if order.side == "long" else EntryShort
    return kind(
        pair=snapshot.pair,
        confidence_score=CERTAIN,
        reason=REASON,
        key_support=snapshot.price * (1 - LEVEL_DISTANCE),
        key_resistance=snapshot.price * (1 + LEVEL_DISTANCE),
        leverage=order.leverage,
        rsi_value=_rsi(scene),
        trend_strength=_trend(scene),
        stake_amount=order.stake_amount,
        stop_price=order.stop_price,
    )


def leave(scene: Scene) -> ToolCall:
    """Return the call that closes the position."""
    return Exit(
        pair=scene.snapshot.pair,
        confidence_score=CERTAIN,
        reason=REASON,
        rsi_value=_rsi(scene),
        trade_score=50.0,
    )


def stay(scene: Scene) -> ToolCall:
    """Return the call that changes nothing."""
    kind = Wait if scene.position is None else Hold
    return kind(
        pair=scene.snapshot.pair, confidence_score=CERTAIN, reason=REASON, rsi_value=_rsi(scene)
    )


def _rsi(scene: Scene) -> float:
    return scene.snapshot.facts.get("rsi", MIDDLE_RSI)


def _trend(scene: Scene) -> TrendStrength:
    adx = scene.snapshot.facts.get("adx")
    if adx is None:
        return "moderate"
    return "strong" if adx >= ADX_OF_A_TREND else "weak"
