"""The recorded candles of the sample pairs, in every timeframe a question shows."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from llm_modules.domain import Candles, MarketRules
from llm_modules.engine.question import Question, World
from llm_modules.sandbox.candles import INTERVALS_MS, resample
from llm_modules.sandbox.contracts import CONTRACTS, Contract
from llm_modules.sandbox.history import load_history
from llm_modules.selftest.market import cut

TIMEFRAMES = ("30m", "1h", "4h", "1d")
SPAN = timedelta(minutes=30)
SPAN_MS = INTERVALS_MS["30m"]
ROWS = 200


class Market:
    """The recorded candles of all pairs in all timeframes."""

    def __init__(self, data_dir: Path, days: int) -> None:
        self.frames = {contract.pair: _frames(data_dir, contract) for contract in CONTRACTS}
        self.rules = {one.pair: _rules(one) for one in CONTRACTS}
        main = next(iter(self.frames.values()))["30m"]
        # The last candle may be partial.
        self.last = len(main) - 1
        self.first = max(ROWS, self.last - days * 48)

    def closed_at(self, position: int) -> datetime:
        """Return when a 30m candle closed."""
        opened_ms = int(next(iter(self.frames.values()))["30m"].open_times[position])
        return datetime.fromtimestamp((opened_ms + SPAN_MS) / 1000, UTC)

    def question(self, pair: str, position: int, world: World) -> Question:
        """Return the question about a pair at a candle."""
        at = self.closed_at(position)
        at_ms = int(at.timestamp() * 1000)
        return Question(
            decision_id=f"{position}-{pair}",
            pair=pair,
            candle_at=at,
            valid_until=at + SPAN,
            frames=tuple(_known(self.frames[pair][name], at_ms) for name in TIMEFRAMES),
            rules=self.rules[pair],
            world=world,
            mode="sandbox",
            locked_sides=frozenset(),
            tradable=True,
            returns={},
            funding_rate=None,
        )


def _frames(data_dir: Path, contract: Contract) -> dict[str, Candles]:
    ticks = load_history(data_dir, contract).candles
    scale = 10.0**contract.price_decimals
    frames = {}
    for name in TIMEFRAMES:
        rows = resample(ticks, INTERVALS_MS[name])
        frames[name] = Candles(
            timeframe=name,
            open_times=rows.open_times,
            open=rows.open / scale,
            high=rows.high / scale,
            low=rows.low / scale,
            close=rows.close / scale,
            volume=rows.volume / 10.0**contract.quantity_decimals,
        )
    return frames


def _known(candles: Candles, at_ms: int) -> Candles:
    """Return the newest candles that had closed."""
    length = int(candles.open_times[1] - candles.open_times[0])
    end = int((candles.open_times + length <= at_ms).sum())
    return cut(candles, end, ROWS)


def _rules(contract: Contract) -> MarketRules:
    return MarketRules(10.0**-contract.price_decimals, float(contract.min_notional), 125.0)
