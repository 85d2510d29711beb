"""`risk_management`: every limit the gate enforces, with a default where one is sane.

Percentages are of equity unless they say otherwise; candles are those of the main timeframe.
"""

import re
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from llm_modules.config.blocks import Block, Percent

ClaimMode = Literal["refuse", "clamp", "record"]
Sizing = Literal["fixed", "atr", "kelly"]

_HOURS = re.compile(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d")


class RiskConfig(Block):
    """The limits that hold whatever the model asks; docs/risk.md lists the checks behind them."""

    # What one position may be.
    max_leverage: float = Field(ge=1, le=125, description="no position above this leverage")
    default_leverage: float = Field(ge=1, le=125, description="used when the model may not choose")
    max_position_pct: Percent = Field(description="largest stake of one position, % of equity")
    max_open_trades: int = Field(ge=1, le=100, description="positions open at once")
    allow_model_freedom: bool = Field(description="the model chooses stake and leverage")
    risk_per_trade_pct: Percent = Field(
        default=5.0, description="most that one position may lose at its stop, % of equity"
    )
    min_reward_risk: float = Field(
        default=1.0, ge=0, le=100, description="least target distance / stop distance, if a target"
    )
    max_price_drift_pct: float = Field(
        default=1.0,
        gt=0,
        le=50,
        description="an order lapses once price left the decision's price by this, in %",
    )

    # How large it is when the model does not say, or may not.
    position_sizing: Sizing = Field(default="fixed", description="how the default stake is found")
    fixed_position_pct: Percent = Field(
        default=10.0, description="default stake, % of equity; also until kelly has 30 trades"
    )
    atr_risk_pct: Percent = Field(
        default=1.0, description="sizing atr: % of equity lost when price moves atr_multiple x ATR"
    )
    atr_multiple: float = Field(
        default=2.0,
        gt=0,
        le=20,
        description="sizing atr: ATRs of a move that costs it",
    )
    kelly_fraction: float = Field(
        default=0.25, gt=0, le=1, description="sizing kelly: part of the full Kelly stake"
    )

    # Stops that do not depend on the model.
    max_stop_pct: Percent = Field(
        default=5.0, description="farthest stop from the entry price, in % of it"
    )
    stop_atr_margin: float = Field(
        default=0.5, ge=0, le=10, description="stop beyond support or resistance, in ATR"
    )
    trailing_activate_pct: Percent | None = Field(
        default=None, description="trailing starts once price gained this, in %; null: off"
    )
    trailing_give_back_pct: Percent | None = Field(
        default=None, description="and the stop follows the best price at this distance, in %"
    )

    # What all positions together may be.
    max_total_stake_pct: Percent = Field(default=80.0, description="sum of all stakes, % of equity")
    max_total_notional_pct: float = Field(
        default=400.0, gt=0, le=12_500, description="sum of all stakes x leverage, % of equity"
    )
    max_correlation: float = Field(
        default=0.8,
        ge=0,
        le=1,
        description="correlation from which pairs are one bet",
    )
    max_correlated_pct: Percent = Field(
        default=40.0, description="sum of the stakes of one bet, % of equity"
    )

    # What the model claims.
    min_confidence: float = Field(
        default=30.0, ge=0, le=100, description="entries and additions below this are refused"
    )
    rsi_tolerance: float = Field(
        default=5.0, ge=0, le=100, description="points the claimed RSI may be off"
    )
    rsi_claim: ClaimMode = Field(default="refuse", description="what a wrong RSI leads to")
    levels_claim: ClaimMode = Field(
        default="clamp", description="what a price outside the claimed levels leads to"
    )
    trend_claim: ClaimMode = Field(
        default="record", description="what a trend strength against ADX leads to"
    )

    # Restraint after losses and against haste.
    cooldown_candles_after_loss: int = Field(
        default=2, ge=0, le=1000, description="candles a pair rests after a loss"
    )
    min_holding_candles: int = Field(
        default=2, ge=0, le=1000, description="candle closes a profitable position is kept"
    )
    max_entries_per_hour: int = Field(
        default=12, ge=1, le=1000, description="new positions an hour"
    )
    max_loss_streak: int = Field(
        default=5, ge=1, le=1000, description="losses in a row, in all pairs, before a pause"
    )
    loss_streak_pause_candles: int = Field(
        default=12, ge=0, le=1000, description="length of that pause"
    )
    daily_loss_limit_pct: Percent = Field(
        default=6.0, description="fall of equity since 00:00 UTC that ends new exposure for the day"
    )
    quality_gate: bool = Field(
        default=True, description="serious habits found in the decisions refuse new exposure"
    )

    # When and where.
    max_funding_rate_pct: float = Field(
        default=0.1, ge=0, le=100, description="largest funding rate against the position, %"
    )
    trading_hours_utc: str = Field(
        default="", description="entries only within, such as 08:00-22:00; empty: always"
    )

    # The account's emergency stop.
    emergency_stop_loss: float = Field(
        gt=-1, lt=0, description="fall of equity from its peak that halts and flattens"
    )
    emergency_day_loss: float | None = Field(
        default=-0.1, gt=-1, lt=0, description="the same from the peak of the day (UTC); null: off"
    )

    @field_validator("trading_hours_utc")
    @classmethod
    def _is_a_span_of_hours(cls, value: str) -> str:
        if value and not _HOURS.fullmatch(value):
            raise ValueError("HH:MM-HH:MM in UTC, from 00:00 to 23:59, or empty for always")
        if value and value[:5] == value[6:]:
            raise ValueError("two different times, or empty for always")
        return value

    @model_validator(mode="after")
    def _default_within_maximum(self) -> Self:
        if self.default_leverage > self.max_leverage:
            raise ValueError("default_leverage may not exceed max_leverage")
        return self

    @model_validator(mode="after")
    def _trailing_is_whole(self) -> Self:
        if (self.trailing_activate_pct is None) is not (self.trailing_give_back_pct is None):
            raise ValueError("set trailing_activate_pct and trailing_give_back_pct, or neither")
        return self
