"""Runs Freqtrade's backtesting once, with the settings it is given, and says what came of it."""

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, cast

from freqtrade.data.btanalysis import get_latest_backtest_filename
from freqtrade.exceptions import FreqtradeException
from freqtrade.exchange import Exchange
from freqtrade.optimize.backtesting import Backtesting

from llm_modules.backtest.outcome import AS_CONFIGURED, Outcome, Variant
from llm_modules.backtest.session import Session, Traded
from llm_modules.errors import BacktestError, UserError


def run(
    config: Mapping[str, Any], variant: Variant = AS_CONFIGURED, exchange: Exchange | None = None
) -> Outcome:
    """Run one backtest of a whole Freqtrade configuration.

    The configuration is Freqtrade's own, with the block `llm_backtest`; an `exchange` that is
    given is asked for markets in place of a new one. Raises UserError when the run cannot begin or
    go on.
    """
    try:
        return _run(config, variant, exchange)
    except FreqtradeException as error:
        raise worded(error) from error


def worded(error: FreqtradeException) -> UserError:
    """Return the error of ours that Freqtrade wrapped, or its words as one of ours."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, UserError):
            return cause
        cause = cause.__cause__
    return BacktestError(str(error))


def _run(config: Mapping[str, Any], variant: Variant, exchange: Exchange | None) -> Outcome:
    backtesting = Backtesting(deepcopy(dict(config)), exchange)
    try:
        strategy = cast("Traded", backtesting.strategylist[0])
        strategy.variant = variant
        backtesting.start()
        session = strategy.session
        if session is None:
            raise AssertionError("Freqtrade reused a result although it was told not to")
        return outcome_of(session, backtesting)
    finally:
        Backtesting.cleanup()


def outcome_of(session: Session, backtesting: Backtesting) -> Outcome:
    """Join what the session saw with what Freqtrade counted."""
    name = backtesting.strategylist[0].get_strategy_name()
    content = backtesting.all_bt_content[name]
    return session.outcome(
        final_balance=float(content["final_balance"]),
        rejected_entries=int(content["rejected_signals"]),
        result_file=_result_file(backtesting.config),
    )


def _result_file(config: Mapping[str, Any]) -> Path | None:
    if config.get("export", "none") == "none":
        return None
    folder = Path(config["exportdirectory"])
    return folder / str(get_latest_backtest_filename(folder))
