"""What Python, pandas and Freqtrade need not do while a run plays: none of it changes a number."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pandas as pd
from freqtrade.strategy import IStrategy
from freqtrade.system import gc_set_threshold

# Our own that are told a trade, and only read it.
READING = ("custom_exit", "custom_stoploss", "adjust_trade_position", "order_filled")
OURS = "LLMFunctionStrategy"


@contextmanager
def work_spared(strategy: IStrategy) -> Iterator[None]:
    """Leave out what costs a run more than a tenth of its time; afterwards all is as it was."""
    with garbage_sought_seldom(), short_texts_plain(), trades_uncopied(strategy):
        yield


@contextmanager
def garbage_sought_seldom() -> Iterator[None]:
    """Have Python look for garbage seldom meanwhile, and not among what is loaded already.

    Half a million objects of libraries and settings stay until the end in any case, and next to
    all that decisions leave behind is let go of at once: looking took a sixth of their time.
    """
    usual = gc.get_threshold()
    # First: what is garbage by now would be spared as well.
    gc.collect()
    gc.freeze()
    # What Freqtrade's own command line sets, and other ways to start a backtest do not.
    gc_set_threshold()
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()


@contextmanager
def short_texts_plain() -> Iterator[None]:
    """Have pandas keep texts as Python does, not as Arrow does, which is made for millions.

    With every exit Freqtrade's MaxDrawdown makes tables of a few rows; the names of their columns
    took a third of that.
    """
    with pd.option_context("mode.string_storage", "python"):
        yield


@contextmanager
def trades_uncopied(strategy: IStrategy) -> Iterator[None]:
    """Have Freqtrade hand the trade itself to our callbacks, not a deep copy with all its orders.

    It copies for every callback that is not its own, which it tells by the name. Those of a user's
    strategy made from ours go on getting a copy: who knows what they do with it.
    """
    ours = [name for name in READING if getattr(strategy, name).__qualname__ == f"{OURS}.{name}"]
    for name in ours:
        callback = partial(getattr(strategy, name))
        callback.__name__ = name  # type: ignore[attr-defined]
        callback.__qualname__ = f"{IStrategy.__name__}.{name}"  # type: ignore[attr-defined]
        setattr(strategy, name, callback)
    try:
        yield
    finally:
        for name in ours:
            delattr(strategy, name)
