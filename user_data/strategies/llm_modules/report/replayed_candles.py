"""The sandbox's market again: a pure function of its anchor and time."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from llm_modules.backtest.statistics import milliseconds
from llm_modules.domain import Candles
from llm_modules.errors import UserError
from llm_modules.report.candles import Wanted, no_candles
from llm_modules.sandbox.anchor import load_or_create_anchor
from llm_modules.sandbox.candles import INTERVALS_MS, TickCandles
from llm_modules.sandbox.contracts import CONTRACTS, Contract
from llm_modules.sandbox.history import load_history
from llm_modules.sandbox.replay import PairReplay, Window


@dataclass(frozen=True, slots=True)
class ReplayedCandles:
    """Replays what the sandbox showed; `anchor` is the file that keeps when it was opened."""

    data_dir: Path
    anchor: Path

    def __call__(self, wanted: Wanted) -> Candles:
        """Return the candles of the span; none where that sandbox has let go of its anchor."""
        contract = next((one for one in CONTRACTS if one.pair == wanted.pair), None)
        interval_ms = INTERVALS_MS.get(wanted.timeframe)
        if contract is None or interval_ms is None or not self.anchor.exists():
            return no_candles(wanted.timeframe)
        start_ms, end_ms = milliseconds(wanted.start), milliseconds(wanted.end)
        try:
            anchor_ms = load_or_create_anchor(self.anchor, end_ms)
            replay = PairReplay(load_history(self.data_dir, contract), anchor_ms)
        # Files that are gone or damaged: the trades are drawn without candles then.
        except UserError:
            return no_candles(wanted.timeframe)
        window = Window(limit=1 + (end_ms - start_ms) // interval_ms, start_ms=start_ms)
        return _in_money(replay.candles(wanted.timeframe, end_ms, window), contract, wanted)


def _in_money(ticks: TickCandles, contract: Contract, wanted: Wanted) -> Candles:
    scale = 10.0**contract.price_decimals
    opens, highs, lows, closes = (
        np.asarray(one / scale) for one in (ticks.open, ticks.high, ticks.low, ticks.close)
    )
    lots = np.asarray(ticks.volume / 10.0**contract.quantity_decimals)
    return Candles(wanted.timeframe, ticks.open_times, opens, highs, lows, closes, lots)
