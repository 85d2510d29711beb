"""Closed trades as memory keeps them, for tests of what is learnt from many."""

from datetime import timedelta
from typing import Any

from builders import NOON, PAIR
from llm_modules.learning.remembered import RememberedTrade

TRADE = RememberedTrade(
    trade_id=1,
    pair=PAIR,
    side="long",
    leverage=3.0,
    opened_at=NOON - timedelta(hours=2),
    closed_at=NOON,
    profit_ratio=0.02,
    mfe_ratio=0.03,
    mae_ratio=-0.01,
    exit_reason="llm_exit",
    model="test-model",
    confidence_score=70.0,
    regime="trending",
    score=70.0,
    grade="B",
    reward=0.01,
    is_own=True,
    conditions=(),
    situation=None,
    findings=(),
    lesson="",
)


def own_trade(number: int = 1, *, won: bool = True, **changes: Any) -> RememberedTrade:
    """Trade `number`, closed so many hours after noon; it won 2 % or lost 1 %.

    Its side is among its conditions, as that of every trade is.
    """
    closed_at = NOON + timedelta(hours=number)
    values: dict[str, Any] = {
        "trade_id": number,
        "opened_at": closed_at - timedelta(hours=2),
        "closed_at": closed_at,
        "profit_ratio": 0.02 if won else -0.01,
    }
    values |= changes
    values["conditions"] = (f"side.{values.get('side', 'long')}", *values.get("conditions", ()))
    return TRADE._replace(**values)
