"""Many runs on the same candles: what does not depend on who decides is loaded once."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from freqtrade.exceptions import FreqtradeException
from freqtrade.exchange import Exchange
from freqtrade.optimize.backtesting import Backtesting
from freqtrade.resolvers import ExchangeResolver

from llm_modules.backtest.outcome import Outcome, Variant
from llm_modules.backtest.running import outcome_of, worded
from llm_modules.backtest.session import Traded
from llm_modules.backtest.settings import SETTINGS_KEY, TAPE_NAME

Play = Callable[[Variant], Outcome]


@contextmanager
def stage(config: Mapping[str, Any], exchange: Exchange) -> Iterator[Play]:
    """Yield what plays variants of one configuration, each as `running.run` would, in silence."""
    # Freqtrade's engine, wallets and trades as in any backtest; only its tables are left out.
    backtesting = Backtesting(deepcopy(dict(config)), exchange)
    try:
        candles, timerange = backtesting.load_bt_data()
        strategy = backtesting.strategylist[0]
        traded = cast("Traded", strategy)

        def play(variant: Variant) -> Outcome:
            before = traded.session
            traded.variant = replace(variant, recorded=before.recorded if before else None)
            _as_new(backtesting)
            try:
                backtesting.backtest_one_strategy(strategy, candles, timerange)
            except FreqtradeException as error:
                raise worded(error) from error
            if traded.session is None:
                raise AssertionError("the strategy opened no session")
            return outcome_of(traded.session, backtesting)

        yield play
    finally:
        Backtesting.cleanup()


def _as_new(backtesting: Backtesting) -> None:
    """Forget the run before: Freqtrade does so only after a session looked at its account."""
    backtesting.reset_backtest()
    backtesting.wallets.update()
    backtesting.trade_id_counter = backtesting.order_id_counter = 0


def exchange_of(config: Mapping[str, Any]) -> Exchange:
    """Open the exchange that a backtest of this configuration asks for its markets."""
    return ExchangeResolver.load_exchange(deepcopy(dict(config)), load_leverage_tiers=True)


def apart(config: Mapping[str, Any], folder: Path, **limits: Any) -> dict[str, Any]:
    """Return a run's configuration for another run beside it, which spends and exports nothing.

    Its past does not come back to it; `limits` replace some of `risk_management`.
    """
    own = {
        "folder": str(folder),
        "tape": str(folder / TAPE_NAME),
        "tape_mode": "replay",
        "experience": False,
    }
    return {
        **config,
        "export": "none",
        SETTINGS_KEY: {**config.get(SETTINGS_KEY, {}), **own},
        "risk_management": {**config["risk_management"], **limits},
    }
