"""Proof (b): a run with another future, or none, is the same until that future begins."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from llm_modules.backtest.lookahead.breaches import Breaches
from llm_modules.backtest.lookahead.differences import different_line
from llm_modules.backtest.lookahead.ground import Ground
from llm_modules.backtest.lookahead.hearing import Hearing
from llm_modules.backtest.lookahead.other_futures import with_other_future
from llm_modules.backtest.lookahead.transcript import Transcript, first_difference

PARTS = 4
FUTURES = {"another future": False, "no future": True}


def turning_points(candles: Sequence[datetime]) -> tuple[datetime, ...]:
    """Return three candles that divide a run in four, fewer where there are not so many."""
    places = {len(candles) * part // PARTS for part in range(1, PARTS)}
    return tuple(candles[place] for place in sorted(places) if place < len(candles))


def compare(ground: Ground, whole: Transcript, at: datetime, breaches: Breaches) -> None:
    """Play on files with another future after a candle, and on files that end there."""
    for name, is_cut in FUTURES.items():
        with TemporaryDirectory() as folder:
            found = _difference(ground, whole, at, Path(folder), is_cut=is_cut)
        if found is not None:
            breaches.add(
                "b", f"{name} after {at:%Y-%m-%d %H:%M} UTC changed what was before: {found}"
            )


def _difference(
    ground: Ground, whole: Transcript, at: datetime, folder: Path, *, is_cut: bool
) -> str | None:
    config = with_other_future(ground, at, folder / "data", is_cut=is_cut)
    other = Hearing(until=at)
    other.hear(ground, config)
    entries, others = whole.until(at), other.transcript.until(at)
    number = first_difference(entries, others)
    if number is None:
        return None
    # Played again to read what was only counted: texts of a whole run are gigabytes.
    true, false = Hearing(until=at, keep=number), Hearing(until=at, keep=number)
    true.hear(ground)
    false.hear(ground, config)
    entry = (entries if number < len(entries) else others)[number]
    where = f"{entry.kind} {entry.subject} at {entry.at:%Y-%m-%d %H:%M} UTC"
    line = different_line(true.transcript.kept or "(nothing)", false.transcript.kept or "(nothing)")
    return f"{where}, {line}"
