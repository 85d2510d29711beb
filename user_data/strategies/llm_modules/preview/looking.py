"""One look at market, wallet and trades with Freqtrade's own classes; nothing is written."""

import difflib
import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from freqtrade.configuration import Configuration, TimeRange
from freqtrade.data.dataprovider import DataProvider
from freqtrade.enums import CandleType, RunMode
from freqtrade.exchange import Exchange
from freqtrade.persistence import Trade, init_db
from freqtrade.resolvers import ExchangeResolver
from freqtrade.wallets import Wallets

from llm_modules.backtest.candle_files import Wanted, prepare
from llm_modules.backtest.coarser_candles import data_format_of
from llm_modules.backtest.command.freqtrade_config import STRATEGY, public
from llm_modules.backtest.loading import load
from llm_modules.backtest.offline import sample_markets, without_network
from llm_modules.backtest.past import PastMarket
from llm_modules.engine import bridge
from llm_modules.errors import ConfigError, UserError
from llm_modules.preview.scene import Scene

# Binance has hundreds; who mistyped one needs a few.
MOST_NAMED = 8


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen at one moment."""

    at: datetime
    source: bridge.Source
    wallets: Wallets
    trades: Sequence[Trade]


class Glance(bridge.View):
    """Waits for no candle that may still arrive: everything was fetched at once."""

    late_candle_seconds = 0


class NewestOfPairs(bridge.Newest):
    """The newest candles of the pairs that are looked at."""

    def __init__(self, provider: DataProvider, pairs: Sequence[str]) -> None:
        super().__init__(provider)
        self._pairs = pairs

    def whitelist(self) -> Sequence[str]:
        """Return the pairs that are looked at."""
        return self._pairs


@contextmanager
def looked(scene: Scene, pair: str, folder: Path) -> Iterator[Look]:
    """Look at a pair, and at whatever else its question tells of.

    Raises UserError where the pair is unknown, FreqtradeException where the exchange is away.
    """
    # What its settings say is read from the environment too; nobody else is in this process.
    os.environ.update(
        {name: text for name, text in scene.basis.environment.items() if text}
        if scene.market != "recorded"
        else {}
    )
    config = _recorded_config(scene) if scene.market == "recorded" else _live_config(scene)
    exchange = ExchangeResolver.load_exchange(deepcopy(config), load_leverage_tiers=True)
    try:
        # Before candles are fetched, which would say it in Freqtrade's words.
        _demand_known(pair, exchange)
        init_db(_copied_database(scene, folder))
        trades = Trade.get_open_trades()
        pairs = _pairs(scene, pair, trades)
        provider = DataProvider(config, exchange)
        wallets = Wallets(config, exchange)
        if scene.market == "recorded":
            past = _recorded(scene, config, provider, pairs, folder)
            yield Look(_newest(past, pair, scene), past, wallets, trades)
        else:
            _fetch(scene, provider, pairs)
            yield Look(bridge.now(), NewestOfPairs(provider, pairs), wallets, trades)
    finally:
        exchange.close()


def _live_config(scene: Scene) -> dict[str, Any]:
    places = scene.basis.places
    arguments = {
        "config": [str(path) for path in (places.settings, scene.overlay) if path],
        "user_data_dir": str(places.user_data),
        "strategy": STRATEGY,
        "strategy_path": str(places.strategies),
    }
    config = Configuration(arguments, None).get_config()
    # Its own default is known only to the strategy.
    return {**config, "timeframe": scene.basis.timeframe}


def _recorded_config(scene: Scene) -> dict[str, Any]:
    """Return the settings of a bot whose exchange is asked nothing."""
    settled = public(scene.basis.settings)
    own = {
        "runmode": RunMode.DRY_RUN,
        "dry_run": True,
        "candle_type_def": CandleType.FUTURES,
        "user_data_dir": scene.basis.places.user_data,
        "timeframe": scene.basis.timeframe,
    }
    return without_network({**settled, **own}, sample_markets())


def _demand_known(pair: str, exchange: Exchange) -> None:
    if pair not in exchange.markets:
        names = sorted(name for name in exchange.markets if name.endswith(pair.partition("/")[2]))
        listed = difflib.get_close_matches(pair, names, MOST_NAMED) or names[:MOST_NAMED]
        raise UserError(f"--pair: there is no {pair!r} here; there is {', '.join(listed)}")


def _copied_database(scene: Scene, folder: Path) -> str:
    """Copy the trades as they are this moment, so that nothing of Freqtrade's can change them."""
    copy = folder / "trades.sqlite"
    if scene.market != "recorded" and scene.database.exists():
        source = f"file:{scene.database}?mode=ro"
        with (
            closing(sqlite3.connect(source, uri=True)) as theirs,
            closing(sqlite3.connect(copy)) as ours,
        ):
            theirs.backup(ours)
    return f"sqlite:///{copy}"


def _pairs(scene: Scene, pair: str, trades: Sequence[Trade]) -> tuple[str, ...]:
    """Return the pairs to look at: those in positions are needed to value the account."""
    others = scene.basis.pairs if scene.asks_about_all else ()
    return tuple(dict.fromkeys([pair, *others, *(trade.pair for trade in trades)]))


def _fetch(scene: Scene, provider: DataProvider, pairs: Sequence[str]) -> None:
    funding = provider.get_funding_rate_timeframe()
    provider.refresh(
        [(pair, name, CandleType.FUTURES) for pair in pairs for name in scene.basis.timeframes],
        [(pair, funding, CandleType.FUNDING_RATE) for pair in pairs],
    )


def _recorded(
    scene: Scene, config: dict[str, Any], provider: DataProvider, pairs: Sequence[str], folder: Path
) -> PastMarket:
    """Load the shipped candles; coarser ones are made beside a copy. Raises UserError."""
    shipped = scene.basis.places.market_data / str(config["exchange"]["name"])
    # Coarser candles are made beside the others, and the shipped ones stay as shipped.
    datadir = Path(shutil.copytree(shipped, folder / "candles"))
    wanted = Wanted(
        datadir=datadir,
        pairs=tuple(pairs),
        timeframes=scene.basis.timeframes,
        start=None,
        end=None,
        data_format=data_format_of(scene.basis.settings),
    )
    if missing := prepare(wanted).missing:
        names = ", ".join(dict.fromkeys(f"{one.pair} {one.timeframe}" for one in missing))
        raise UserError(f"no candles are recorded of {names}: choose another --pair")
    files = {**config, "datadir": datadir, "dataformat_ohlcv": wanted.data_format}
    recorded = load(files, provider, pairs, scene.basis.timeframes, TimeRange())
    return PastMarket(recorded, pairs)


def _newest(past: PastMarket, pair: str, scene: Scene) -> datetime:
    """Let the newest recorded candle be the present, and return when it closed."""
    # What closed last is asked of a past that ends now, else nothing has closed yet.
    past.set_moment(bridge.now())
    closed_at = past.newest_close(pair, scene.basis.timeframe)
    if closed_at is None:
        raise ConfigError(f"no candle of {pair} is recorded")
    past.set_moment(closed_at)
    return closed_at
