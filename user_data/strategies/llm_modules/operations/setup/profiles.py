"""How much may be risked: three named sets of limits, most careful first.

`normal` is what config.json is shipped with; a test holds it to that. A limit that stands in no
set, such as what a wrong claim of the model leads to, is left as it is.
"""

from collections.abc import Mapping
from typing import Any

# Each limit of risk_management: careful, normal, free.
_LIMITS: Mapping[str, tuple[float, float, float]] = {
    "max_leverage": (3, 10, 20),
    "default_leverage": (2, 3, 5),
    "max_position_pct": (10, 20, 40),
    "max_open_trades": (3, 4, 8),
    "risk_per_trade_pct": (1, 5, 10),
    "min_reward_risk": (1.5, 1, 0.5),
    "fixed_position_pct": (5, 10, 20),
    "max_stop_pct": (3, 5, 10),
    "max_total_stake_pct": (30, 80, 100),
    "max_total_notional_pct": (90, 400, 1000),
    "max_correlated_pct": (15, 40, 80),
    "min_confidence": (50, 30, 10),
    "cooldown_candles_after_loss": (4, 2, 0),
    "max_entries_per_hour": (4, 12, 60),
    "max_loss_streak": (3, 5, 10),
    "loss_streak_pause_candles": (24, 12, 6),
    "daily_loss_limit_pct": (3, 6, 15),
    "emergency_stop_loss": (-0.08, -0.15, -0.3),
    "emergency_day_loss": (-0.05, -0.1, -0.2),
}
NAMES = ("careful", "normal", "free")
PROFILES: Mapping[str, Mapping[str, float]] = {
    name: {key: limits[place] for key, limits in _LIMITS.items()}
    for place, name in enumerate(NAMES)
}
# What people call limits that are none of the three.
OWN = "own"


def profile_of(limits: Mapping[str, Any]) -> str:
    """Return the name of the set that limits are, `own` when they are none."""
    for name, profile in PROFILES.items():
        if all(limits.get(key) == value for key, value in profile.items()):
            return name
    return OWN


def profile_table() -> str:
    """Return the sets as docs/setup.md prints them, a row per limit."""
    heads = [f"| limit | {' | '.join(NAMES)} |", "|---|" + "---|" * len(NAMES)]
    rows = [
        f"| `{key}` | {' | '.join(f'{limit:g}' for limit in limits)} |"
        for key, limits in _LIMITS.items()
    ]
    return "\n".join([*heads, *rows])
