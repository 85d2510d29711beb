"""What a run is played on: the market as it was, or the same without names, dates and prices."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from freqtrade.exchange import Exchange

from llm_modules.backtest.baselines.stage import exchange_of
from llm_modules.backtest.masking import masked
from llm_modules.backtest.outcome import Outcome, Variant
from llm_modules.backtest.running import run
from llm_modules.errors import BacktestError

# How Freqtrade begins its sentence.
NO_MARKETS = "Could not load markets"
MASKED_NAME = "masked_candles"
NO_SHIFT = timedelta(0)


@dataclass(frozen=True, slots=True)
class World:
    """Freqtrade's configuration and its exchange, None: it opens one itself.

    `names` are the real pairs by masked ones; real dates are those of the world plus `shift`.
    """

    config: Mapping[str, Any]
    exchange: Exchange | None
    names: Mapping[str, str]
    shift: timedelta

    @property
    def remarks(self) -> tuple[str, ...]:
        """What whoever reads a result of this world has to know."""
        if not self.names:
            return ()
        legend = ", ".join(f"{name} is {pair}" for name, pair in self.names.items())
        later = f"real dates are {self.shift.days:,} days later"
        return (f"Masked: {legend}; {later}, and prices were rescaled for each pair.",)


def world_of(config: Mapping[str, Any], folder: Path, *, mask: bool) -> World:
    """Return the world of a configuration; a masked one has its candles in the run's folder."""
    if not mask:
        return World(config, None, {}, NO_SHIFT)
    exchange = exchange_of(config)
    # Freqtrade has no other way to tell all of them.
    tiers = exchange._leverage_tiers  # noqa: SLF001
    markets = tuple(exchange.markets.values())
    known = masked(config, markets, tiers, folder / MASKED_NAME)
    return World(known.config, known.exchange, known.names, known.shift)


def played(world: World, variant: Variant) -> Outcome:
    """Run a backtest in a world. Raises UserError, in our words where the exchange is away."""
    try:
        return run(world.config, variant, world.exchange)
    except BacktestError as error:
        if not str(error).startswith(NO_MARKETS):
            raise
        raise BacktestError(
            "the exchange cannot be asked which markets it has: connect to the internet, or choose "
            "--sandbox; user_data/logs/backtest.log tells what went wrong"
        ) from error
