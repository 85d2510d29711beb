"""Finds the candles of a run: made of finer ones, downloaded where that may be, or named."""

import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from freqtrade.data.history import get_datahandler
from freqtrade.enums import CandleType
from freqtrade.exchange import timeframe_to_seconds

from llm_modules.backtest.candle_files import Missing, Prepared, Wanted, prepare
from llm_modules.backtest.coarser_candles import data_format_of
from llm_modules.backtest.command.basis import Basis
from llm_modules.backtest.command.freqtrade_config import Window
from llm_modules.backtest.command.options import Dates
from llm_modules.backtest.crew import Tell, only
from llm_modules.errors import UserError

# What LLMFunctionStrategy wants before its first candle; Freqtrade begins a run that much later.
STARTUP_CANDLES = 200
MOST_NAMED = 12
Say = Callable[[str], None]
Download = Callable[[Basis, Wanted, Sequence[Missing]], None]


@dataclass(frozen=True, slots=True)
class Found:
    """What there is, and when the first and the last candle opened that all pairs have."""

    prepared: Prepared
    first: datetime | None
    last: datetime | None


def window_of(basis: Basis, dates: Dates, log: Path, download: Download, say: Say) -> Window:
    """Return the span that can be played, and where its candles are.

    Raises UserError naming what is missing.
    """
    wanted = Wanted(
        datadir=_datadir(basis),
        pairs=basis.pairs,
        timeframes=basis.timeframes,
        start=dates.start,
        end=dates.end,
        data_format=data_format_of(basis.settings),
    )
    found: Found = only(lambda tell: looked(wanted, tell), log)
    if found.prepared.missing and not basis.is_sandbox:
        say("Candles are missing; Freqtrade downloads them:")
        download(basis, wanted, found.prepared.missing)
        found = only(lambda tell: looked(wanted, tell), log)
    for gap in found.prepared.gaps:
        say(
            f"{gap.pair} {gap.timeframe}: {gap.count} candles are missing from {_day(gap.first)} on"
        )
    return _window(wanted, found, is_sandbox=basis.is_sandbox)


def looked(wanted: Wanted, _tell: Tell) -> Found:
    """Make what can be made of finer candles, and look at what is there then."""
    prepared = prepare(wanted)
    handler = get_datahandler(wanted.datadir, wanted.data_format)
    main = wanted.timeframes[0]
    spans = [handler.ohlcv_data_min_max(pair, main, CandleType.FUTURES) for pair in wanted.pairs]
    if not all(rows for _, _, rows in spans):
        return Found(prepared, None, None)
    # Plain datetimes: pandas' own need not reach the parent.
    first, last = max(span[0] for span in spans), min(span[1] for span in spans)
    return Found(
        prepared,
        datetime.fromtimestamp(first.timestamp(), UTC),
        datetime.fromtimestamp(last.timestamp(), UTC),
    )


def _window(wanted: Wanted, found: Found, *, is_sandbox: bool) -> Window:
    prepared = found.prepared
    if (
        prepared.missing
        or found.first is None
        or found.last is None
        or prepared.start is None
        or prepared.end is None
    ):
        raise UserError(_named(found, is_sandbox=is_sandbox))
    candle = timedelta(seconds=timeframe_to_seconds(wanted.timeframes[0]))
    begun = found.first + candle * STARTUP_CANDLES
    since_first = math.ceil((max(prepared.start, begun) - found.first) / candle)
    start = found.first + candle * since_first
    end = min(prepared.end, found.last)
    if end - start < candle:
        raise UserError(
            f"nothing can be played: candles of all pairs open from {_minute(found.first)} to "
            f"{_minute(found.last)}, and indicators take the first {STARTUP_CANDLES}"
        )
    return Window(wanted.datadir, start, end)


def _datadir(basis: Basis) -> Path:
    """Return where the candles are; a sandbox without any is given its own copy of the shipped."""
    places = basis.places
    own = places.user_data / "data"
    if basis.is_sandbox and not own.exists():
        shutil.copytree(places.market_data, own)
    return own / str(basis.settings["exchange"]["name"])


def _named(found: Found, *, is_sandbox: bool) -> str:
    missing = found.prepared.missing
    if not missing:
        return "there are no candles that all pairs have at the same time"
    lines = [_line(one) for one in missing[:MOST_NAMED]]
    more = len(missing) - len(lines)
    rest = [f"and {more} more"] if more > 0 else []
    listed = "\n  ".join((*lines, *rest))
    there = ""
    if found.first and found.last:
        there = f"\nCandles of all pairs open from {_minute(found.first)} to {_minute(found.last)}."
    advice = "Choose another --timerange or other --pairs"
    if not is_sandbox:
        advice += ", download them where the internet allows, or choose --sandbox"
    return f"candles are missing:\n  {listed}{there}\n{advice}"


def _line(one: Missing) -> str:
    span = f"{_day(one.start) or 'the beginning'} to {_day(one.end) or 'now'}"
    return f"{one.pair} {one.timeframe} ({one.kind}): {span}"


def _day(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d}" if at else ""


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"
