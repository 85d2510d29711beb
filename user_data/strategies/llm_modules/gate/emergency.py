"""The account's emergency stop: equity measured against its peak, remembered across restarts."""

import math
import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from llm_modules.errors import JournalError

# A peak that is a thousandth off after a crash is harmless, a write per tick is not.
REWRITE_GROWTH = 1.001
BREACHES_TO_TRIP = 3


class _State(BaseModel):
    """What the file holds: the highest equity seen, and whether the stop tripped below it."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    peak_equity: float = Field(gt=0)
    tripped_at_equity: float | None = None


class EmergencyStop:
    """Trips once equity fell by `emergency_stop_loss` from its peak, and stays tripped.

    It takes three observations in a row, a few seconds, to trip.
    The file makes it survive restarts; an unreadable file counts as tripped. Deleting the file
    while the bot is stopped starts anew.
    """

    def __init__(self, path: Path, emergency_stop_loss: float) -> None:
        self.path = path
        self._floor = 1 + emergency_stop_loss
        self._written_peak = 0.0
        self._breaches = 0
        self._state: _State | None = None
        self.unreadable = ""
        if path.exists():
            self._load()

    @property
    def peak_equity(self) -> float:
        """The highest equity seen so far, 0 before the first observation."""
        return self._state.peak_equity if self._state else 0.0

    @property
    def tripped(self) -> bool:
        """Whether the account is halted for good (until the file is removed)."""
        return bool(self.unreadable) or (
            self._state is not None and self._state.tripped_at_equity is not None
        )

    def observe(self, equity: float) -> bool:
        """Take note of the current equity and return whether trading is halted now.

        Unknown equity halts for this moment only. Raises JournalError when the state could not
        be written; the state in memory is right all the same.
        """
        if self.tripped or not math.isfinite(equity) or equity <= 0:
            return True
        peak = max(self.peak_equity, equity)
        # One odd reading, such as a balance caught in the middle of a change, is not a loss.
        self._breaches = self._breaches + 1 if equity <= peak * self._floor else 0
        tripped = self._breaches >= BREACHES_TO_TRIP
        self._state = _State(peak_equity=peak, tripped_at_equity=equity if tripped else None)
        if tripped or peak > self._written_peak * REWRITE_GROWTH:
            self._write(self._state)
        return tripped

    def _load(self) -> None:
        try:
            self._state = _State.model_validate_json(self.path.read_bytes())
            self._written_peak = self._state.peak_equity
        except (OSError, ValidationError) as error:
            self.unreadable = f"{self.path} is not readable ({type(error).__name__})"

    def _write(self, state: _State) -> None:
        fresh = self.path.with_suffix(".new")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with fresh.open("w", encoding="utf-8") as file:
                file.write(state.model_dump_json())
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.path)
        except OSError as error:
            raise JournalError(f"cannot write {self.path}: {error.strerror}") from error
        self._written_peak = state.peak_equity
