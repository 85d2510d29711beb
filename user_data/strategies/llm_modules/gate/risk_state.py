"""What the emergency stop knows of an account, and how a restart finds it again."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from llm_modules.domain import RunMode
from llm_modules.errors import UserError
from llm_modules.gate.halt import read_small

# A peak that is a thousandth off after a crash is harmless, a write per tick is not.
REWRITE_GROWTH = 1.001


class StateUnreadableError(UserError):
    """A state file is there and cannot be read."""


class RiskState(BaseModel):
    """What survives a restart; an empty reason stands for no, an equity of 0 for unknown.

    `day` is the UTC day of the day's equities. `halt_written` tells that the trip's own file was
    on disk, so that its absence means that someone removed it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    peak_equity: float = Field(ge=0)
    day: date | None = None
    day_peak_equity: float = Field(default=0.0, ge=0)
    day_start_equity: float = Field(default=0.0, ge=0)
    # Kept as well: a bot that crashes at every second look would never trip.
    breaches: int = Field(default=0, ge=0)
    tripped_because: str = ""
    halt_written: bool = False
    # So that a halt which came or went while the bot was down is told once.
    halted_because: str = ""
    flattening: bool = False

    @model_validator(mode="before")
    @classmethod
    def _read_the_first_form(cls, content: Any) -> Any:
        """Accept files written before there were HALT files: one equity told of a trip."""
        if not isinstance(content, dict) or "tripped_at_equity" not in content:
            return content
        equity = content["tripped_at_equity"]
        because = "" if equity is None else f"tripped at equity {equity}"
        others = {key: value for key, value in content.items() if key != "tripped_at_equity"}
        return others | {"tripped_because": because}

    @property
    def halts_by_itself(self) -> bool:
        """Whether this state halts with no file beside it that could be removed."""
        return bool(self.tripped_because) and not self.halt_written

    @property
    def is_halted(self) -> bool:
        """Whether a trip or a hand halts."""
        return bool(self.tripped_because or self.halted_because)


NOTHING_KNOWN = RiskState(peak_equity=0.0)


def state_name(mode: RunMode) -> str:
    """Name the file of a mode: a peak of simulated money must not halt real money."""
    return f"risk_state.{mode}.json"


def read_state(path: Path) -> RiskState | None:
    """Return a saved state, None when there is none. Raises StateUnreadableError."""
    try:
        return RiskState.model_validate_json(read_small(path))
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise StateUnreadableError(f"{path} is not readable ({type(error).__name__})") from error


def measured(state: RiskState, equity: float, now: datetime) -> RiskState:
    """Let peaks and day follow a known equity; a clock set back does not start a day again."""
    changes: dict[str, object] = {"peak_equity": max(state.peak_equity, equity)}
    today = utc_day(now)
    if state.day is None or today > state.day:
        changes |= {"day": today, "day_peak_equity": equity, "day_start_equity": equity}
    else:
        changes["day_peak_equity"] = max(state.day_peak_equity, equity)
    return state.model_copy(update=changes)


def is_worth_saving(saved: RiskState, state: RiskState) -> bool:
    """Tell whether a state is worth a write: growth of a peak alone is not while it is small."""
    if (
        state.peak_equity > saved.peak_equity * REWRITE_GROWTH
        or state.day_peak_equity > saved.day_peak_equity * REWRITE_GROWTH
    ):
        return True
    peaks = {"peak_equity": state.peak_equity, "day_peak_equity": state.day_peak_equity}
    return saved.model_copy(update=peaks) != state


def utc_day(now: datetime) -> date:
    """Return the day in UTC, which is the day of the limits wherever the bot runs."""
    return now.astimezone(UTC).date()
