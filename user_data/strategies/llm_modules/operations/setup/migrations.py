"""Keys that older versions had: what each is called now, and since when.

Those of this project and Freqtrade's own, which ends with an error or a traceback where it finds
them. Keys that are new are in no table: whatever the shipped config.json has and a user's has not
is new.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from llm_modules.operations.settings.reading import value_at

COMMAND = "./manage.sh migrate"


@dataclass(frozen=True, slots=True)
class Migration:
    """One dotted key that changed its name; without a new one it is no longer read by anybody."""

    old: str
    new: str | None
    since: str


def _renamed(block: str, names: Mapping[str, str], since: str) -> tuple[Migration, ...]:
    return tuple(Migration(f"{block}{old}", f"{block}{new}", since) for old, new in names.items())


_SIDES = {"buy": "entry", "sell": "exit"}
_STEPS = {
    f"{old}{step}": f"{new}{step}" for old, new in _SIDES.items() for step in ("_fill", "_cancel")
}
# Blocks before what stands in them. The entry of a new renaming goes to the end.
MIGRATIONS: tuple[Migration, ...] = (
    Migration("ticker_interval", "timeframe", "Freqtrade 2020.6"),
    Migration("bid_strategy", "entry_pricing", "Freqtrade 2022"),
    Migration("ask_strategy", "exit_pricing", "Freqtrade 2022"),
    Migration(
        "entry_pricing.ask_last_balance", "entry_pricing.price_last_balance", "Freqtrade 2022"
    ),
    Migration("exit_pricing.bid_last_balance", "exit_pricing.price_last_balance", "Freqtrade 2022"),
    Migration("forcebuy_enable", "force_entry_enable", "Freqtrade 2022"),
    Migration("use_sell_signal", "use_exit_signal", "Freqtrade 2022"),
    Migration("sell_profit_only", "exit_profit_only", "Freqtrade 2022"),
    Migration("sell_profit_offset", "exit_profit_offset", "Freqtrade 2022"),
    Migration("ignore_roi_if_buy_signal", "ignore_roi_if_entry_signal", "Freqtrade 2022"),
    *_renamed("unfilledtimeout.", _SIDES, "Freqtrade 2022"),
    *_renamed("order_time_in_force.", _SIDES, "Freqtrade 2022"),
    *_renamed(
        "order_types.",
        {
            **_SIDES,
            "emergencysell": "emergency_exit",
            "emergencyexit": "emergency_exit",
            "forceexit": "force_exit",
            "forceentry": "force_entry",
            "forcesell": "force_exit",
            "forcebuy": "force_entry",
        },
        "Freqtrade 2022",
    ),
    *_renamed("telegram.notification_settings.", _SIDES | _STEPS, "Freqtrade 2022"),
    Migration("edge", None, "Freqtrade 2025.6"),
)


def due(
    settings: Mapping[str, Any], migrations: Iterable[Migration] = MIGRATIONS
) -> Iterator[Migration]:
    """Yield the migrations whose old key stands in the settings."""
    for migration in migrations:
        around, _, name = migration.old.rpartition(".")
        block = value_at(settings, around) if around else settings
        if isinstance(block, Mapping) and name in block:
            yield migration


def migration_table() -> str:
    """Return the table of docs/setup.md, a row for each migration."""
    heads = ["| old key | now | since |", "|---|---|---|"]
    rows = [
        f"| `{one.old}` | {f'`{one.new}`' if one.new else 'taken out'} | {one.since} |"
        for one in MIGRATIONS
    ]
    return "\n".join([*heads, *rows])


def has_old_keys(settings: Mapping[str, Any]) -> Iterator[str]:
    """Tell of each key of an older version, and of the command that mends it."""
    for migration in due(settings):
        now = f"now {migration.new}" if migration.new else "no longer read"
        yield f"{migration.old}: {now}, since {migration.since}; run {COMMAND}"
