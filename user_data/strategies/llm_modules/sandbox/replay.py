"""Real candles shifted to now and repeated: a market that is a pure function of anchor and time.

The recorded days end at the anchor. From there they begin again, and again, each repetition
rescaled per pair so that its first open is the last close before it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from llm_modules.sandbox.candles import (
    FIVE_MINUTES_MS,
    INTERVALS_MS,
    MINUTE_MS,
    TickCandles,
    interval_offset_ms,
    join,
    resample,
)
from llm_modules.sandbox.contracts import Contract
from llm_modules.sandbox.history import PairHistory
from llm_modules.sandbox.split import running_minute, seed_of, split_minutes

FUNDING_INTERVAL_MS = INTERVALS_MS["8h"]


@dataclass(frozen=True, slots=True)
class Window:
    """Which candles are wanted: the first `limit` from `start_ms`, or the last up to `end_ms`."""

    limit: int = 500
    start_ms: int | None = None
    end_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Funding:
    """One funding: when, the rate as a ratio of the position's value, the price in ticks."""

    at_ms: int
    rate: float
    price: int


class PairReplay:
    """One contract's endless market; all methods are pure in the time they are asked for."""

    def __init__(self, history: PairHistory, anchor_ms: int) -> None:
        self.contract = history.contract
        self._real = history.candles
        self._rates = history.funding_rates
        self._seed = seed_of(history.contract.symbol)
        self.origin_ms = anchor_ms - len(history.candles) * FIVE_MINUTES_MS
        # What one repetition changes the price by; the next begins that much higher or lower.
        self._growth = float(history.candles.close[-1] / history.candles.open[0])

    def candles(self, interval: str, now_ms: int, window: Window) -> TickCandles:
        """Return candles of one of `INTERVALS_MS` as known at `now_ms`, the newest still open.

        Before the first real candle there is nothing; a bucket that begins earlier is partial.
        """
        interval_ms = INTERVALS_MS[interval]
        first, last = self._buckets(interval_ms, now_ms, window)
        if first > last:
            return self._fives(0, 0)
        offset = interval_offset_ms(interval_ms)
        start_ms, end_ms = first * interval_ms + offset, (last + 1) * interval_ms + offset
        # 1m candles only where 5m cannot do: long windows stay cheap.
        finest = MINUTE_MS if interval_ms % FIVE_MINUTES_MS else FIVE_MINUTES_MS
        base = self._known(start_ms, end_ms, now_ms, finest)
        return resample(base.between(start_ms, end_ms), interval_ms)

    def minute(self, now_ms: int) -> TickCandles:
        """Return the running 1m candle as one row; its close is the current price."""
        return self.candles("1m", now_ms, Window(limit=1))

    def fundings(self, now_ms: int, window: Window) -> list[Funding]:
        """Return the fundings up to `now_ms`, which fall on 00:00, 08:00 and 16:00 UTC."""
        if window.start_ms is not None:
            # Or the partial bucket around the first candle would count against the limit.
            window = replace(window, start_ms=max(window.start_ms, self.origin_ms))
        candles = self.candles("8h", now_ms, window)
        opens = zip(candles.open_times.tolist(), candles.open.tolist(), strict=True)
        return [Funding(at, self._rate(at), price) for at, price in opens if at >= self.origin_ms]

    def _rate(self, at_ms: int) -> float:
        """Return the real rate of the 8 hours that are replayed at a time."""
        # The candles are shifted by any 5 minutes, fundings must stay on Binance's hours.
        return float(
            self._rates[(at_ms - self.origin_ms) // FUNDING_INTERVAL_MS % len(self._rates)]
        )

    def _buckets(self, interval_ms: int, now_ms: int, window: Window) -> tuple[int, int]:
        """Return the first and last wanted number on the interval's grid; none if first > last."""
        offset = interval_offset_ms(interval_ms)
        # Numbers on the grid instead of times: the arithmetic is the same for every interval.
        oldest = (self.origin_ms - offset) // interval_ms
        end_ms = now_ms if window.end_ms is None else min(now_ms, window.end_ms)
        newest = (end_ms - offset) // interval_ms
        if window.start_ms is None:
            return max(oldest, newest - window.limit + 1), newest
        first = max(oldest, -((offset - window.start_ms) // interval_ms))
        return first, min(newest, first + window.limit - 1)

    def _known(self, start_ms: int, end_ms: int, now_ms: int, finest_ms: int) -> TickCandles:
        """Return 1m or 5m candles that cover a span, as far as they have happened."""
        running = (now_ms - self.origin_ms) // FIVE_MINUTES_MS
        first = max(0, (start_ms - self.origin_ms) // FIVE_MINUTES_MS)
        last = -((self.origin_ms - end_ms) // FIVE_MINUTES_MS)
        closed = self._fives(first, min(last, running))
        if finest_ms == MINUTE_MS:
            closed = split_minutes(closed, self._seed)
        if last <= running:
            return closed
        # The future of the running candle is known here and must not show.
        return join(closed, resample(self._running(running, now_ms), finest_ms))

    def _running(self, index: int, now_ms: int) -> TickCandles:
        """Return the 1m candles of the running 5m candle, the last as far as it has got."""
        minutes = split_minutes(self._fives(index, index + 1), self._seed)
        minute_ms = now_ms // MINUTE_MS * MINUTE_MS
        current = minutes.between(minute_ms, minute_ms + 1)
        return join(minutes.between(0, minute_ms), running_minute(current, now_ms))

    def _fives(self, first: int, last: int) -> TickCandles:
        """Return whole 5m candles by their number since the origin, `last` excluded."""
        index = np.arange(first, max(first, last))
        row, repetition = index % len(self._real), index // len(self._real)
        scale = self._growth**repetition
        real = self._real
        # Rounding keeps order, so a rescaled candle is as consistent as the real one.
        prices = np.stack((real.open[row], real.high[row], real.low[row], real.close[row])) * scale
        opens, highs, lows, closes = np.maximum(1, np.rint(prices)).astype(np.int64)
        times = self.origin_ms + index * FIVE_MINUTES_MS
        return TickCandles(times, opens, highs, lows, closes, real.volume[row])


class MarketReplay:
    """All contracts of the sandbox by Binance's symbol."""

    def __init__(self, histories: Iterable[PairHistory], anchor_ms: int) -> None:
        self._pairs = {item.contract.symbol: PairReplay(item, anchor_ms) for item in histories}

    def __iter__(self) -> Iterator[PairReplay]:
        return iter(self._pairs.values())

    def find(self, symbol: str) -> PairReplay | None:
        """Return the market of a symbol such as `BTCUSDT`, or None when it is not listed."""
        return self._pairs.get(symbol)

    @property
    def contracts(self) -> tuple[Contract, ...]:
        """The contracts that are listed."""
        return tuple(pair.contract for pair in self)
