from pathlib import Path

import pytest

from llm_modules.config import RiskConfig
from llm_modules.operations.places import SHIPPED_USER_DATA
from llm_modules.operations.settings.reading import read_settings
from llm_modules.operations.setup.profiles import (
    NAMES,
    OWN,
    PROFILES,
    profile_of,
    profile_table,
)

SHIPPED = read_settings(SHIPPED_USER_DATA / "config.json")["risk_management"]
DOCUMENT = Path(__file__).parents[3] / "docs" / "setup.md"
# Limits of which less is more cautious; of the others more is.
LESS_IS_CAREFUL = {
    "max_leverage", "default_leverage", "max_position_pct", "max_open_trades",
    "risk_per_trade_pct", "fixed_position_pct", "max_stop_pct", "max_total_stake_pct",
    "max_total_notional_pct", "max_correlated_pct", "max_entries_per_hour", "max_loss_streak",
    "daily_loss_limit_pct",
}  # fmt: skip


def test_normal_is_what_is_shipped() -> None:
    assert {key: SHIPPED[key] for key in PROFILES["normal"]} == PROFILES["normal"]


@pytest.mark.parametrize("name", NAMES)
def test_every_set_is_one_the_gate_accepts(name: str) -> None:
    limits = {**SHIPPED, **PROFILES[name]}
    risk = RiskConfig.model_validate(limits)
    # What the parts may come to together is within what they may come to at all.
    assert risk.default_leverage <= risk.max_leverage
    assert risk.max_position_pct <= risk.max_correlated_pct <= risk.max_total_stake_pct
    assert risk.fixed_position_pct <= risk.max_position_pct
    assert risk.emergency_day_loss is not None
    assert risk.emergency_stop_loss <= risk.emergency_day_loss
    assert risk.daily_loss_limit_pct < -100 * risk.emergency_stop_loss


@pytest.mark.parametrize("key", sorted(PROFILES["normal"]))
def test_each_limit_is_looser_from_set_to_set(key: str) -> None:
    limits = [PROFILES[name][key] for name in NAMES]
    assert limits == sorted(limits, reverse=key not in LESS_IS_CAREFUL)
    assert len(set(limits)) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_limits_are_known_by_their_set(name: str) -> None:
    limits = {**SHIPPED, **PROFILES[name]}
    assert profile_of(limits) == name
    assert profile_of({**limits, "max_leverage": 77}) == OWN
    assert profile_of({**limits, "rsi_claim": "clamp"}) == name


def test_the_document_has_the_table() -> None:
    assert profile_table() in DOCUMENT.read_text(encoding="utf-8")
