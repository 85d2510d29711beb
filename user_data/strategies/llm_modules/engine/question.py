"""What one decision starts from, and what the account looks like at any moment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from llm_modules.domain import (
    AccountState,
    Candles,
    MarketRules,
    OpenPosition,
    RunMode,
    Side,
    Stance,
)


@dataclass(frozen=True, slots=True)
class World:
    """The account and the open positions, by pair, as last seen by Freqtrade's loop."""

    account: AccountState
    positions: Mapping[str, OpenPosition]


@dataclass(frozen=True, slots=True)
class Question:
    """One pair at the close of one candle; `frames` holds the main timeframe first.

    `locked_sides` are those in which Freqtrade will not enter now: cooldown, protection, by hand.
    """

    decision_id: str
    pair: str
    candle_at: datetime
    valid_until: datetime
    frames: tuple[Candles, ...]
    rules: MarketRules
    world: World
    mode: RunMode
    locked_sides: frozenset[Side]

    @property
    def position(self) -> OpenPosition | None:
        """The pair's open position when the question was put."""
        return self.world.positions.get(self.pair)

    @property
    def stance(self) -> Stance:
        """Whether the pair had a position when the question was put."""
        return "flat" if self.position is None else "in_position"
