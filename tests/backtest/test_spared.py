"""What is left out while a run plays, and is as it was before and after it."""

import gc
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from freqtrade.strategy.strategy_wrapper import strategy_safe_wrapper
from pandas.testing import assert_frame_equal

from llm_modules.backtest.spared import (
    READING,
    garbage_sought_seldom,
    short_texts_plain,
    trades_uncopied,
    work_spared,
)


class Trader:
    """Callbacks as a strategy has them: each says what it was given."""

    def __init__(self) -> None:
        self.given: list[Any] = []

    def custom_exit(self, pair: str, trade: Any, **_others: Any) -> str:
        """Say why."""
        self.given.append(trade)
        return pair

    custom_stoploss = adjust_trade_position = order_filled = custom_exit


def test_what_is_loaded_is_not_looked_through_while_a_run_plays() -> None:
    frozen, usual = gc.get_freeze_count(), gc.get_threshold()

    with garbage_sought_seldom():
        assert gc.get_freeze_count() > frozen
        assert gc.get_threshold()[0] > usual[0]

    assert gc.get_freeze_count() == 0
    assert gc.get_threshold() == usual


def test_a_run_that_fails_leaves_everything_as_it_was() -> None:
    usual, trader = gc.get_threshold(), Trader()
    kept_by, own = pd.get_option("mode.string_storage"), dict(vars(trader))

    def run() -> None:
        assert pd.get_option("mode.string_storage") == "python"
        assert vars(trader).keys() > own.keys()
        raise ValueError("the run")

    with pytest.raises(ValueError, match="the run"), work_spared(trader):  # type: ignore[arg-type]
        run()

    assert gc.get_freeze_count() == 0
    assert gc.get_threshold() == usual
    assert pd.get_option("mode.string_storage") == kept_by
    assert vars(trader) == own


def test_what_a_run_leaves_behind_is_still_found() -> None:
    class Leaf:
        """Something that holds itself."""

        def __init__(self) -> None:
            self.itself = self

    with garbage_sought_seldom():
        Leaf()
    gc.collect()

    assert not [found for found in gc.get_objects() if isinstance(found, Leaf)]


def test_tables_made_meanwhile_say_the_same() -> None:
    def table() -> pd.DataFrame:
        rows = [{"pair": "BTC/USDT:USDT", "profit": 1.5}, {"pair": None, "profit": -2.0}]
        return pd.concat([pd.DataFrame(rows), pd.DataFrame(rows)], ignore_index=True)

    with short_texts_plain():
        meanwhile = table()
        assert meanwhile.columns.dtype.storage == "python"

    assert table().columns.dtype.storage == "pyarrow"
    assert_frame_equal(meanwhile, table(), check_dtype=False, check_column_type=False)


@pytest.mark.parametrize("name", READING)
def test_freqtrade_hands_over_the_trade_itself_and_a_copy_of_it_before_and_after(name: str) -> None:
    trader, trade = Trader(), SimpleNamespace(orders=[])

    def asked() -> Any:
        answer = strategy_safe_wrapper(getattr(trader, name))(pair="A", trade=trade)
        assert answer == "A"
        return trader.given[-1]

    assert asked() is not trade
    with trades_uncopied(trader):  # type: ignore[arg-type]
        assert asked() is trade
    assert asked() is not trade
