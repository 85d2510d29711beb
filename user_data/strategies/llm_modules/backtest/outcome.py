"""What one run came to, and how it can differ from the configured one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from llm_modules.backtest.past import Recorded
from llm_modules.domain import ClosedTrade, FloatArray, IntArray
from llm_modules.engine.cycle import Rooms
from llm_modules.llm.client import LLMClient


@dataclass(frozen=True, slots=True)
class Moment:
    """A candle of a run whose decisions are made: `candle` of `candles`, counted from 1.

    `decided` counts the decisions so far, `asked` those for which the model was asked; `cost` is
    in USD, None where a price is unknown; equity in stake currency, open profit included.
    """

    at: datetime
    candle: int
    candles: int
    decided: int
    asked: int
    equity: float
    cost: float | None


@dataclass(frozen=True, slots=True)
class Equity:
    """The account at the close of each candle, in stake currency, open profit included.

    `at` are milliseconds since the epoch, UTC; both arrays have the same length.
    """

    at: IntArray
    values: FloatArray


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run: its account candle by candle, its closed trades, and where its records are.

    `folder` holds llm_decisions.jsonl and trade_experience.jsonl. `result_file` is Freqtrade's own
    result, None where none was exported. `cost` is what the model took in USD, None where a price
    is unknown. `rejected_entries` are those for which no slot was free.
    """

    stake_currency: str
    starting_balance: float
    final_balance: float
    timeframe: str
    start: datetime
    end: datetime
    pairs: tuple[str, ...]
    equity: Equity
    trades: tuple[ClosedTrade, ...]
    decided: int
    asked: int
    cost: float | None
    rejected_entries: int
    folder: Path
    result_file: Path | None


def _always(_pair: str, _at: datetime) -> bool:
    return True


def _unwatched(_moment: Moment) -> None:
    pass


def _as_it_is(rooms: Rooms) -> Rooms:
    return rooms


@dataclass(frozen=True, slots=True)
class Variant:
    """How a run differs from the configured one; by default not at all.

    `client` is asked in place of the configured models; `refit` may exchange any of the rooms;
    pairs are only decided about where `asks` says so; `watch` is told of each candle, and what it
    raises ends the run. `recorded` spares the run the loading of what it may know. One that has the
    machine to itself can have a second process, a forerunner, see the market meanwhile.
    """

    client: LLMClient | None = None
    refit: Callable[[Rooms], Rooms] = _as_it_is
    asks: Callable[[str, datetime], bool] = _always
    watch: Callable[[Moment], None] = _unwatched
    recorded: Recorded | None = None
    has_forerunner: bool = False


AS_CONFIGURED = Variant()
