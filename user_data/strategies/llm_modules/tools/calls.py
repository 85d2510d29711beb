"""The six tool calls a model can make, as strict models; `tool` is the wire name and the tag.

A model here says whether a number can exist. Whether we may act on it now is the gate's matter.
"""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from llm_modules.domain import Side
from llm_modules.tools.text import Text

Price = Annotated[float, Field(gt=0, le=1e12)]
Percentage = Annotated[float, Field(ge=0, le=100)]
Confidence = Annotated[float, Field(ge=1, le=100)]
TrendStrength = Literal["strong", "moderate", "weak"]
Pair = Annotated[str, Field(max_length=64)]
TighterStop = Annotated[Price | None, Field(description="new stop")]


class _Call(BaseModel):
    """Base of the six: exact types, no unknown fields, finite numbers, immutable."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    pair: Pair
    confidence_score: Confidence
    reason: Text


class _Levels(_Call):
    """A call that names the price levels it relies on."""

    key_support: Price
    key_resistance: Price

    @model_validator(mode="after")
    def _support_below_resistance(self) -> Self:
        if self.key_support >= self.key_resistance:
            raise ValueError("key_resistance must be greater than key_support")
        return self


class _Entry(_Levels):
    """What both entries share; stake and prices are in quote currency."""

    leverage: Annotated[float, Field(ge=1, le=100)]
    rsi_value: Percentage
    trend_strength: TrendStrength
    stake_amount: Annotated[float | None, Field(gt=0)] = None
    stop_price: Price | None = None
    target_price: Price | None = None
    invalidation: Text | None = None


class EntryLong(_Entry):
    """Open a long."""

    tool: Literal["signal_entry_long"] = "signal_entry_long"
    side: ClassVar[Side] = "long"


class EntryShort(_Entry):
    """Open a short."""

    tool: Literal["signal_entry_short"] = "signal_entry_short"
    side: ClassVar[Side] = "short"


class Exit(_Call):
    """Close the whole position at market and score the trade."""

    tool: Literal["signal_exit"] = "signal_exit"
    rsi_value: Percentage
    trade_score: Annotated[Percentage, Field(description="of this trade: 0 bad, 100 perfect")]
    reason: Annotated[Text, Field(description="why now, and what this trade taught")]


class Adjust(_Levels):
    """Add to the position (positive percentage) or reduce it (negative)."""

    tool: Literal["adjust_position"] = "adjust_position"
    adjustment_pct: Annotated[
        float,
        Field(ge=-99, le=100, description="-99 to 100 % of the position, not 0"),
    ]
    stop_price: TighterStop = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if self.adjustment_pct == 0:
            raise ValueError("adjustment_pct must not be 0; use signal_hold to change nothing")
        return self


class Hold(_Call):
    """Keep the position; the stop may be tightened."""

    tool: Literal["signal_hold"] = "signal_hold"
    rsi_value: Percentage
    stop_price: TighterStop = None


class Wait(_Call):
    """Stay out for now."""

    tool: Literal["signal_wait"] = "signal_wait"
    rsi_value: Percentage


Entry = EntryLong | EntryShort
ToolCall = EntryLong | EntryShort | Exit | Adjust | Hold | Wait
TOOL_CALL: TypeAdapter[ToolCall] = TypeAdapter(Annotated[ToolCall, Field(discriminator="tool")])
FLAT_TOOLS: tuple[type[ToolCall], ...] = (EntryLong, EntryShort, Wait)
POSITION_TOOLS: tuple[type[ToolCall], ...] = (Exit, Adjust, Hold)
