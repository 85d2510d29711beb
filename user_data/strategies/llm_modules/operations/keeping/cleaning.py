"""What a bot left behind, found and removed.

Settings, secrets, code and market data are never touched: only the names listed here go. Nothing
that halts trading goes: a halt is lifted by `resume` alone.
"""

from collections.abc import Iterable
from pathlib import Path

from llm_modules.domain import RunMode
from llm_modules.gate.risk_state import state_name
from llm_modules.operations.keeping.contents import DATABASE_PATTERN, REWARD_NAME
from llm_modules.operations.places import Places
from llm_modules.operations.running.bot_record import LOCK_NAME, RECORD_NAME
from llm_modules.operations.running.halting import halting_states

DATABASES_AND_LOGS = f"{DATABASE_PATTERN}*"
LOG_PATTERN = "freqtrade.log*"
PICTURE_PATTERN = "plot/calibration.png"
# The peak of simulated money goes with it; that of real money is no leftover.
SIMULATED: tuple[RunMode, ...] = ("sandbox", "dry_run")
# Without its lock two bots could run; the record goes when the lock is let go.
KEPT_OF_A_RUN = frozenset({LOCK_NAME, RECORD_NAME})


def leftovers(places: Places, journals: Iterable[Path]) -> list[Path]:
    """Return every file a run left: journals with rotated and torn ones, rewards, databases, logs.

    `journals` are the configured paths of decisions, trades and tape. The sandbox's anchor is
    among them: it goes with the trades that were made in its market.
    """
    found: set[Path] = set(places.user_data.glob(DATABASES_AND_LOGS))
    found.update(places.logs.glob(LOG_PATTERN))
    # A picture of trades that are gone would pass for one of the next.
    found.update(places.user_data.glob(PICTURE_PATTERN))
    found.update(path for path in places.run.glob("*") if path.name not in KEPT_OF_A_RUN)
    found.update(places.logs / state_name(mode) for mode in SIMULATED)
    for journal in journals:
        # Also what was rotated (.1) or set aside (.torn-...), and a tape's write-ahead log (-wal).
        found.update(journal.parent.glob(f"{journal.name}*"))
        found.update(journal.parent.glob(f"{REWARD_NAME}*"))
    found -= {state.path for state in halting_states(places)}
    return sorted(path for path in found if path.is_file())


def remove(files: Iterable[Path]) -> None:
    """Remove the files; one that is gone already is no matter."""
    for path in files:
        path.unlink(missing_ok=True)
