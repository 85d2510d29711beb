"""What one decision starts from, and what the account looks like at any moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from llm_modules.domain import (
    AccountState,
    Candles,
    Conduct,
    MarketRules,
    OpenPosition,
    RunMode,
    Side,
    Stance,
)
from llm_modules.market.returns import Returns


@dataclass(frozen=True, slots=True)
class World:
    """The account, open positions by pair, and conduct, as last seen by Freqtrade's loop."""

    account: AccountState
    positions: Mapping[str, OpenPosition]
    conduct: Conduct = field(default_factory=Conduct)


@dataclass(frozen=True, slots=True)
class Question:
    """One pair at the close of one candle; `frames` holds the main timeframe first.

    `locked_sides` are those in which Freqtrade will not enter now: cooldown, protection, by hand.
    `returns` are those of all pairs, by pair; `funding_rate` a ratio per interval, None: unknown.
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
    tradable: bool
    returns: Mapping[str, Returns]
    funding_rate: float | None

    @property
    def position(self) -> OpenPosition | None:
        """The pair's open position when the question was put."""
        return self.world.positions.get(self.pair)

    @property
    def stance(self) -> Stance:
        """Whether the pair had a position when the question was put."""
        return "flat" if self.position is None else "in_position"


class Present:
    """The latest world: replaced by Freqtrade's thread, read by the decision thread."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __call__(self) -> World:
        """Return the latest world."""
        return self._world

    def replace(self, world: World) -> None:
        """Publish a newer world."""
        self._world = world
