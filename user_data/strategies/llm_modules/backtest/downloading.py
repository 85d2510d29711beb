"""Has Freqtrade download what a run lacks, the way a user would."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from freqtrade.configuration.load_config import load_from_files
from freqtrade.exchange import timeframe_to_seconds

from llm_modules.backtest.candle_files import Missing
from llm_modules.backtest.coarser_candles import data_format_of
from llm_modules.backtest.loading import WARM_UP_ROWS

Command = list[str]
# The names in Freqtrade's block `exchange` that say where it is, proxies too.
REACHING = ("name", "ccxt_config", "ccxt_async_config", "ccxt_sync_config")


@dataclass(frozen=True, slots=True)
class Part:
    """What one command fetches: one timeframe, at the end of its files or before their beginning.

    Freqtrade does one or, told to prepend, the other, never both.
    """

    timeframe: str
    is_earlier: bool
    missing: tuple[Missing, ...]


def _shown(command: Command) -> bool:
    # Its output is the terminal's: the progress of minutes of work.
    return subprocess.run(command, check=False).returncode == 0  # noqa: S603 - all words are ours


def download_with_freqtrade(
    config: Mapping[str, Any],
    missing: Sequence[Missing],
    run: Callable[[Command], bool] = _shown,
) -> None:
    """Run Freqtrade's download-data for what is missing, up to the first command that fails.

    What could not be had is missing still, which is for the caller to say. Of `config`, Freqtrade's
    merged one, only the files it came from, the folders, the format and the timeframe are read.
    Marks and funding rates come with the candles.
    """
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "download.json"
        settings.write_text(json.dumps(bare_settings(config["config_files"])), encoding="utf-8")
        for part in _parts(missing, str(config["timeframe"])):
            if not run(download_command(config, settings, part)):
                # Without a network the next one would fail as slowly.
                return


def bare_settings(files: Sequence[Path | str]) -> dict[str, Any]:
    """Return what a download needs of settings: which exchange, and how it is reached.

    Not the whole: Freqtrade refuses a Web UI whose password is elsewhere, and needs no key.
    """
    exchange = load_from_files([str(path) for path in files])["exchange"]
    kept = {name: value for name, value in exchange.items() if name in REACHING}
    return {"exchange": kept, "dry_run": True, "trading_mode": "futures", "margin_mode": "isolated"}


def download_command(config: Mapping[str, Any], settings: Path, part: Part) -> Command:
    """Return the command that fetches a part, and the warm-up before it."""
    return [
        *(sys.executable, "-m", "freqtrade", "download-data", "--config", str(settings)),
        *("--userdir", str(config["user_data_dir"]), "--datadir", str(config["datadir"])),
        *("--trading-mode", "futures", "--data-format-ohlcv", data_format_of(config)),
        *("--pairs", *dict.fromkeys(one.pair for one in part.missing)),
        *("--timeframes", part.timeframe),
        *(("--timerange", span) if (span := _timerange(part)) else ()),
        *(("--prepend",) if part.is_earlier else ()),
    ]


def _parts(missing: Sequence[Missing], main: str) -> tuple[Part, ...]:
    """Sort what is missing into what one command can fetch, the finest timeframe first."""
    parts: dict[tuple[str, bool], list[Missing]] = {}
    for one in missing:
        # Marks and rates have no command of their own, but come with any candles.
        timeframe = one.timeframe if one.kind == "futures" else main
        parts.setdefault((timeframe, one.is_earlier), []).append(one)
    order = sorted(parts, key=lambda key: (timeframe_to_seconds(key[0]), key[1]))
    return tuple(Part(*key, tuple(parts[key])) for key in order)


def _timerange(part: Part) -> str:
    starts = [one.start for one in part.missing if one.start is not None]
    if not starts:
        return ""
    warm_up = timedelta(seconds=timeframe_to_seconds(part.timeframe) * WARM_UP_ROWS)
    ends = [one.end for one in part.missing if one.end is not None]
    # To the second: a day alone would end where it begins.
    until = f"{max(ends):%Y%m%dT%H%M%S}" if len(ends) == len(part.missing) else ""
    return f"{min(starts) - warm_up:%Y%m%dT%H%M%S}-{until}"
