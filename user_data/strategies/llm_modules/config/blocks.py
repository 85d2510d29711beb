"""What every block of the configuration has in common."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

TIMEFRAMES = (
    "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w",
)  # fmt: skip

Percent = Annotated[float, Field(gt=0, le=100)]


def as_tuple(value: object) -> object:
    """Let a JSON array stand for a tuple, which strict mode alone would refuse."""
    return tuple(value) if isinstance(value, list) else value


class Block(BaseModel):
    """Base of every block: strict types, no unknown keys, no NaN, immutable."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
