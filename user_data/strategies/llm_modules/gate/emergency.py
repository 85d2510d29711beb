"""The account's emergency stop: equity against its peaks, and the files that halt or flatten.

What is known survives a restart in `risk_state.<mode>.json`. A trip is lifted by removing
`HALT.<mode>`, which is what `./manage.sh resume` does; nothing else lifts it.
"""

import logging
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from llm_modules.config import RiskConfig
from llm_modules.domain import HaltKind
from llm_modules.errors import JournalError
from llm_modules.gate.halt import HaltSwitch, Seen, read_halt, remove, write_whole
from llm_modules.gate.risk_state import (
    NOTHING_KNOWN,
    RiskState,
    StateUnreadableError,
    is_worth_saving,
    measured,
    read_state,
    utc_day,
)

logger = logging.getLogger(__name__)

BREACHES_TO_TRIP = 3
UNTIL_RESUMED = "nothing is opened until ./manage.sh resume"


@dataclass(frozen=True, slots=True)
class HaltEvent:
    """One change: its kind, and a sentence for journal, log and Freqtrade's messages."""

    kind: HaltKind
    text: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the account stands; `halted` allows no new exposure, `reason` says why.

    With an `exit_tag` every position is to be closed for that reason. `day_start_equity` is the
    first equity seen on this UTC day, 0 while there is none. `events` are what changed just now.
    """

    halted: bool
    exit_tag: str | None
    reason: str
    peak_equity: float
    day_start_equity: float
    events: tuple[HaltEvent, ...]


BEFORE_THE_FIRST_LOOK = Standing(
    halted=True,
    exit_tag=None,
    reason="the account has not been looked at yet",
    peak_equity=0.0,
    day_start_equity=0.0,
    events=(),
)


class EmergencyStop:
    """Trips when equity fell too far from its peak, since the start or of the day (UTC).

    Three breaching observations in a row, a few seconds, make it trip; `breaches_to_trip` is one
    where there is a look per candle only. It then leaves
    `HALT.<mode>` behind and stays tripped until that file is removed, which starts anew from the
    equity of that moment. A state that cannot be read halts as well.
    """

    def __init__(
        self,
        switch: HaltSwitch,
        state_path: Path,
        risk: RiskConfig,
        breaches_to_trip: int = BREACHES_TO_TRIP,
    ) -> None:
        self._switch = switch
        self._path = state_path
        self._breaches_to_trip = breaches_to_trip
        self._stop_loss = risk.emergency_stop_loss
        self._day_loss = risk.emergency_day_loss
        self._complained: set[str] = set()
        self._standing = BEFORE_THE_FIRST_LOOK
        self._was_unreadable = self._unreadable = ""
        self._state = self._saved = NOTHING_KNOWN
        self._load()

    @property
    def standing(self) -> Standing:
        """What the last observation led to; before the first: halted, nothing known."""
        return self._standing

    def is_halted_now(self) -> bool:
        """Look once more, right before an order: a file may have come since the last look."""
        seen = self._switch.look()
        found = (seen.by_hand, seen.tripped, seen.flatten)
        return self._standing.halted or any(there is not False for there in found)

    def observe(self, equity: float, open_trades: int, now: datetime) -> Standing:
        """Take note of equity, open trades and the files; never raises.

        Unknown equity (NaN, infinite, not positive) halts for this moment and changes nothing.
        """
        before = self._state
        if self._unreadable:
            # Again at each look: resume takes such a file away while the bot runs.
            self._load()
        seen = self._switch.look()
        # Compared as it came: an integer too large for a float must not raise.
        is_known = 0 < equity <= sys.float_info.max
        state = self._noticed(self._state, seen)
        if is_known:
            state = self._tripped(measured(state, equity, now), equity)
        # In this order: a crash in between leaves the file, which halts without the state.
        state = self._halt_file_written(state, now)
        flattening, state = state.flattening, self._flattened(state, open_trades)
        self._save(state)
        # Last: what follows compares with how it was before.
        events = self._events(before, state, was_asked=flattening)
        if self._standing is BEFORE_THE_FIRST_LOOK and state.is_halted and not events:
            logger.warning("Trading is still halted: %s", "; ".join(_reasons(state)))
        self._state, self._was_unreadable = state, self._unreadable
        self._standing = self._stand(seen, now, events, is_known=is_known)
        return self._standing

    # What the files say

    def _noticed(self, state: RiskState, seen: Seen) -> RiskState:
        """Follow the files; of one that could not be looked at, what was known before holds."""
        changes: dict[str, object] = {}
        if seen.tripped and not state.halt_written:
            because = state.tripped_because or read_halt(self._switch.tripped).reason
            changes |= {"tripped_because": because, "halt_written": True}
        if seen.tripped is False and state.halt_written:
            # Removed, now or while the bot was down: all that is measured starts anew.
            changes |= dict(NOTHING_KNOWN)
            changes |= {
                "halted_because": state.halted_because,
                "flattening": state.flattening,
            }
        if seen.by_hand is False:
            changes["halted_because"] = ""
        elif seen.by_hand and not state.halted_because:
            changes["halted_because"] = read_halt(self._switch.by_hand).words
        if seen.flatten is not None:
            changes["flattening"] = seen.flatten
        return state.model_copy(update=changes)

    def _halt_file_written(self, state: RiskState, now: datetime) -> RiskState:
        """Write the file of a trip, before the state; what the disk refuses is tried again."""
        if not state.halts_by_itself:
            return state
        try:
            self._switch.trip(state.tripped_because, now)
        except JournalError as error:
            self._complain("halt", f"{error}; the emergency stop holds in memory")
            return state
        self._complained.discard("halt")
        return state.model_copy(update={"halt_written": True})

    def _flattened(self, state: RiskState, open_trades: int) -> RiskState:
        """Take FLATTEN away once nothing is open."""
        if not state.flattening or open_trades > 0:
            return state
        try:
            remove(self._switch.flatten)
        except JournalError as error:
            self._complain("flatten", f"{error}; nothing is opened while it is there")
            return state
        self._complained.discard("flatten")
        return state.model_copy(update={"flattening": False})

    # What the equity says

    def _tripped(self, state: RiskState, equity: float) -> RiskState:
        """Count the breaches in a row; one odd reading, such as a balance in change, is none."""
        if state.tripped_because:
            return state
        breach = self._breach(state, equity)
        breaches = state.breaches + 1 if breach else 0
        if breaches < self._breaches_to_trip:
            return state.model_copy(update={"breaches": breaches})
        return state.model_copy(update={"breaches": 0, "tripped_because": breach})

    def _breach(self, state: RiskState, equity: float) -> str:
        """Say which limit the equity has reached, nothing when it is above both."""
        for name, peak, loss in (
            ("its peak", state.peak_equity, self._stop_loss),
            ("the day's peak", state.day_peak_equity, self._day_loss),
        ):
            if loss is not None and equity <= peak * (1 + loss):
                fall_pct = 100 * (1 - equity / peak)
                return (
                    f"equity {equity:.2f} is {fall_pct:.1f} % below {name} of {peak:.2f}, "
                    f"limit {-100 * loss:g} %"
                )
        return ""

    # What is kept and told

    def _load(self) -> None:
        try:
            found = read_state(self._path)
        except StateUnreadableError as error:
            self._unreadable = f"{error}; ./manage.sh resume starts anew"
            return
        self._unreadable = ""
        self._state = self._saved = found or NOTHING_KNOWN

    def _save(self, state: RiskState) -> None:
        if self._unreadable or not is_worth_saving(self._saved, state):
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._path, state.model_dump_json())
        except (JournalError, OSError) as error:
            self._complain("state", f"{error}; what is known of the account holds in memory")
            return
        self._complained.discard("state")
        self._saved = state

    def _complain(self, kind: str, problem: str) -> None:
        """Log a problem once, until it is over."""
        if kind not in self._complained:
            logger.error("%s", problem)
        self._complained.add(kind)

    def _events(
        self, before: RiskState, state: RiskState, *, was_asked: bool
    ) -> tuple[HaltEvent, ...]:
        """Say what changed; `was_asked` tells whether FLATTEN was there at this look."""
        events: list[HaltEvent] = []
        closing = f"every position is being closed, {UNTIL_RESUMED}"
        if state.tripped_because and not before.tripped_because:
            events.append(
                HaltEvent("tripped", f"Emergency stop: {state.tripped_because}; {closing}")
            )
        if state.halted_because and not before.halted_because:
            events.append(HaltEvent("halted", f"Halted by hand: {state.halted_because}; {closing}"))
        if self._unreadable and not self._was_unreadable:
            events.append(HaltEvent("halted", f"Halted: {self._unreadable}"))
        if was_asked and not before.flattening:
            events.append(
                HaltEvent("flatten", "FLATTEN was found: every position is being closed, once")
            )
        is_halted = bool(state.is_halted or self._unreadable)
        if was_asked and not state.flattening:
            after = "trading stays halted" if is_halted else "trading goes on"
            events.append(HaltEvent("flattened", f"Everything is closed, FLATTEN is gone; {after}"))
        was_halted = before.is_halted or self._was_unreadable
        was_withdrawn = before.flattening and not was_asked
        if (was_halted or was_withdrawn) and not (is_halted or was_asked):
            events.append(HaltEvent("resumed", "Nothing halts trading any more, it goes on"))
        return tuple(events)

    def _stand(
        self, seen: Seen, now: datetime, events: tuple[HaltEvent, ...], *, is_known: bool
    ) -> Standing:
        state = self._state
        reasons = _reasons(state)
        if self._unreadable:
            reasons.append(self._unreadable)
        if None in (seen.by_hand, seen.tripped, seen.flatten):
            reasons.append("it cannot be seen whether HALT or FLATTEN is there")
        if not is_known:
            reasons.append("the equity is not known")
        is_of_today = state.day is not None and state.day >= utc_day(now)
        return Standing(
            halted=bool(reasons),
            exit_tag=_exit_tag(state),
            reason="; ".join(reasons),
            peak_equity=state.peak_equity,
            day_start_equity=state.day_start_equity if is_of_today else 0.0,
            events=events,
        )


def _reasons(state: RiskState) -> list[str]:
    reasons = []
    if state.tripped_because:
        reasons.append(f"emergency stop: {state.tripped_because}")
    if state.halted_because:
        reasons.append(f"halted by hand: {state.halted_because}")
    if state.flattening:
        reasons.append("everything is being closed, as FLATTEN asks")
    return reasons


def _exit_tag(state: RiskState) -> str | None:
    if state.tripped_because:
        return "emergency_stop"
    if state.halted_because:
        return "halt"
    return "flatten" if state.flattening else None
