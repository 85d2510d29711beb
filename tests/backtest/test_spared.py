"""What is left out while a run plays, and is as it was before and after it."""

import gc
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from freqtrade.persistence import LocalTrade
from freqtrade.strategy import strategy_wrapper
from pandas.testing import assert_frame_equal

from backtests import backtest_config, played
from llm_modules.backtest import spared
from llm_modules.backtest.spared import (
    garbage_sought_seldom,
    short_texts_plain,
    trades_uncopied,
    work_spared,
)

ONE_DAY = "20260110-20260111"
TOLD_A_TRADE = {"custom_exit", "custom_stoploss", "adjust_trade_position", "order_filled"}


class LLMFunctionStrategy:
    """Callbacks by the names of ours: each keeps what it was given."""

    def __init__(self) -> None:
        self.given: list[Any] = []

    def custom_exit(self, trade: Any) -> None:
        self.given.append(trade)

    def custom_stoploss(self, trade: Any) -> None:
        self.given.append(trade)

    def adjust_trade_position(self, trade: Any) -> None:
        self.given.append(trade)

    def order_filled(self, trade: Any) -> None:
        self.given.append(trade)


class TheirStrategy(LLMFunctionStrategy):
    """What a user made of ours, with one callback of their own."""

    def custom_exit(self, trade: Any) -> None:
        self.given.append(trade)


def is_copied(strategy: Any, name: str) -> bool:
    trade = SimpleNamespace(orders=[])
    strategy_wrapper.strategy_safe_wrapper(getattr(strategy, name), supress_error=True)(trade=trade)
    return strategy.given[-1] is not trade


def test_what_is_loaded_is_not_looked_through_while_a_run_plays() -> None:
    frozen, usual = gc.get_freeze_count(), gc.get_threshold()

    with garbage_sought_seldom():
        assert gc.get_freeze_count() > frozen
        assert gc.get_threshold()[0] > usual[0]

    assert gc.get_freeze_count() == 0
    assert gc.get_threshold() == usual


def test_a_run_that_fails_leaves_everything_as_it_was() -> None:
    usual, strategy = gc.get_threshold(), LLMFunctionStrategy()
    kept_by, own = pd.get_option("mode.string_storage"), dict(vars(strategy))

    def run() -> None:
        assert gc.get_threshold()[0] > usual[0]
        assert pd.get_option("mode.string_storage") == "python"
        assert vars(strategy).keys() - own.keys() == TOLD_A_TRADE
        raise ValueError("the run")

    with pytest.raises(ValueError, match="the run"), work_spared(strategy):  # type: ignore[arg-type]
        run()

    assert gc.get_freeze_count() == 0
    assert gc.get_threshold() == usual
    assert pd.get_option("mode.string_storage") == kept_by
    assert vars(strategy) == own


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


@pytest.mark.parametrize("name", sorted(TOLD_A_TRADE))
def test_freqtrade_hands_over_the_trade_itself_and_a_copy_of_it_before_and_after(name: str) -> None:
    strategy: Any = LLMFunctionStrategy()

    assert is_copied(strategy, name)
    with trades_uncopied(strategy), trades_uncopied(strategy):
        assert not is_copied(strategy, name)
    assert is_copied(strategy, name)


def test_a_callback_that_is_not_ours_gets_a_copy_as_ever() -> None:
    theirs: Any = TheirStrategy()

    with trades_uncopied(theirs):
        assert {name: is_copied(theirs, name) for name in TOLD_A_TRADE} == {
            "custom_exit": True,
            "custom_stoploss": False,
            "adjust_trade_position": False,
            "order_filled": False,
        }


def test_in_a_real_run_nothing_is_copied_and_our_callbacks_leave_trades_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[Any] = []
    changed: dict[str, set[str]] = {}

    def watched(callback: Callable[..., Any]) -> Any:
        def called(*args: Any, **told: Any) -> Any:
            before = state(told["trade"])
            answer = callback(*args, **told)
            after = state(told["trade"])
            # Not judged here: Freqtrade would swallow it.
            changed.setdefault(name, set()).update(
                key for key in after if before[key] != after[key]
            )
            return answer

        name = callback.__name__
        return called

    monkeypatch.setattr(spared, "partial", watched)
    monkeypatch.setattr(strategy_wrapper, "deepcopy", copied.append)
    outcome = played(backtest_config(tmp_path, ONE_DAY))

    assert len(outcome.trades) > 10
    assert copied == []
    # An adjustment that is booked anchors the stop, by the number of its trade.
    anchored = {"adjust_trade_position": {"stop_loss_pct"}}
    assert changed == {name: set() for name in TOLD_A_TRADE} | anchored


def state(trade: LocalTrade) -> dict[str, Any]:
    """All that a trade and its orders say, as it is now."""
    orders = [
        {name: value for name, value in vars(order).items() if not name.startswith("_")}
        for order in trade.orders
    ]
    return deepcopy({**vars(trade), "orders": orders})
