"""Who has candles of a mode, and the candles of the pairs that were traded."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from llm_modules.domain import Candles, ClosedTrade, TradingMode
from llm_modules.operations.running.api import Api
from llm_modules.operations.running.bot_record import is_running, read_record
from llm_modules.operations.session import Session
from llm_modules.operations.settings.reading import value_at
from llm_modules.report.candles import Source, Wanted, find
from llm_modules.report.replayed_candles import ReplayedCandles
from llm_modules.report.served_candles import ServedCandles
from llm_modules.report.stored_candles import StoredCandles

# What is shown of the market before the first trade and after the last.
LEAST_MARGIN = timedelta(minutes=30)
MARGIN_PART = 10


@dataclass(frozen=True, slots=True)
class TradedPair:
    """A pair with its trades, the oldest first, and the candles around them; there may be none."""

    pair: str
    trades: tuple[ClosedTrade, ...]
    candles: Candles
    sources: tuple[str, ...]


def sources(session: Session, mode: TradingMode) -> tuple[Source, ...]:
    """Return who may have candles of a mode: in the sandbox only the sandbox itself."""
    places, settings = session.places, session.settings()
    if mode == "sandbox":
        replay = ReplayedCandles(places.market_data, places.run / "sandbox.json")
        return (Source("the sandbox's replay", replay), *_served(session, mode))
    exchange = value_at(settings, "exchange.name")
    folder = places.market_data / str(exchange)
    stored = Source("Freqtrade's stored candles", StoredCandles(folder))
    return (stored, *_served(session, mode))


def traded_pairs(
    trades: Sequence[ClosedTrade], timeframe: str, until: datetime, found: Sequence[Source]
) -> tuple[TradedPair, ...]:
    """Return every pair that was traded, the busiest first, with what there is of its market."""
    counts = Counter(trade.pair for trade in trades)
    pairs = []
    for pair in sorted(counts, key=lambda one: (-counts[one], one)):
        own = tuple(trade for trade in trades if trade.pair == pair)
        wanted = _around(pair, timeframe, own, until)
        pairs.append(TradedPair(pair, own, *find(wanted, found)))
    return tuple(pairs)


def _around(pair: str, timeframe: str, trades: Sequence[ClosedTrade], until: datetime) -> Wanted:
    """Return the span of some trades with a margin: of a quiet month the rest would be empty."""
    first = min(trade.opened_at for trade in trades)
    last = max(trade.closed_at for trade in trades)
    margin = max(LEAST_MARGIN, (last - first) / MARGIN_PART)
    return Wanted(pair, timeframe, first - margin, min(last + margin, until))


def _served(session: Session, mode: TradingMode) -> tuple[Source, ...]:
    """Return the running bot, if one of this mode runs here."""
    record = read_record(session.places) if is_running(session.places) else None
    if record is None or record.mode != mode:
        return ()
    settings = session.settings()
    user, password = (
        str(value_at(settings, f"api_server.{key}")) for key in ("username", "password")
    )
    return (Source("the running bot", ServedCandles(Api(record.api_port, user, password))),)
