"""The two places where a decision per candle enters Freqtrade's backtesting.

Freqtrade's command line and its web server name `Backtesting` themselves, so its methods are
wrapped; for any other strategy they do what they always did.
"""

import inspect
from collections.abc import Callable
from datetime import datetime
from typing import Any

from freqtrade import __version__
from freqtrade.exceptions import OperationalException
from freqtrade.optimize import backtesting
from freqtrade.optimize.backtesting import Backtesting

from llm_modules.backtest.spared import work_spared
from llm_modules.errors import ConfigError, UserError

SIGNAL_HEADERS = ["enter_long", "exit_long", "enter_short", "exit_short", "enter_tag", "exit_tag"]
SHAPES = {
    "validate_row": ["self", "data", "pair", "row_index", "current_time"],
    "backtest": ["self", "processed", "start_date", "end_date"],
}
FIRST_SIGNAL = 5
WRAPPED = "_llm_original"
SESSION = "_llm_session"


def install() -> None:
    """Wrap both methods, once. Raises ConfigError when Freqtrade has another shape than known."""
    for name, wrap in (("validate_row", _deciding), ("backtest", _accompanied)):
        method = getattr(Backtesting, name)
        # After a reload of our modules the wrapper of before is replaced.
        original = getattr(method, WRAPPED, method)
        demand(name, original)
        wrapper = wrap(original)
        setattr(wrapper, WRAPPED, original)
        setattr(Backtesting, name, wrapper)


def demand(name: str, method: Callable[..., Any]) -> None:
    """Raise ConfigError unless a method and the rows are what this was written for."""
    found = list(inspect.signature(method).parameters)
    if found != SHAPES[name] or backtesting.HEADERS[FIRST_SIGNAL:] != SIGNAL_HEADERS:
        raise ConfigError(
            f"Freqtrade {__version__} backtests in another way than this version knows "
            f"(Backtesting.{name}): install the pinned Freqtrade, see ./manage.sh version"
        )


def _deciding(original: Callable[..., Any]) -> Callable[..., Any]:
    def validate_row(
        self: Backtesting, data: Any, pair: str, row_index: int, current_time: datetime
    ) -> Any:
        session = getattr(self, SESSION, None)
        row = original(self, data, pair, row_index, current_time)
        if session is None:
            return row
        # Not in bot_loop_start: what is raised there is swallowed.
        if session.now != current_time:
            session.candle(current_time)
        if row is not None:
            row[FIRST_SIGNAL:] = session.signal(pair)
        return row

    return validate_row


def _accompanied(original: Callable[..., Any]) -> Callable[..., Any]:
    def backtest(self: Backtesting, processed: Any, start_date: Any, end_date: Any) -> Any:
        open_session = getattr(self.strategy, "open_session", None)
        if open_session is None:
            return original(self, processed, start_date, end_date)
        try:
            session = open_session(start_date, end_date)
            setattr(self, SESSION, session)
            try:
                with work_spared(self.strategy):
                    return original(self, processed, start_date, end_date)
            finally:
                delattr(self, SESSION)
                session.end()
        except UserError as error:
            # Freqtrade prints the sentence of this one, and a traceback of any other.
            raise OperationalException(str(error)) from error

    return backtest
