"""Stretches of time for shards, and what their outcomes come to together."""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np

from llm_modules.backtest.command.freqtrade_config import Window
from llm_modules.backtest.outcome import Equity, Outcome
from llm_modules.journal.parts import found_lines

JOURNALS = ("llm_decisions.jsonl", "trade_experience.jsonl")


def split(window: Window, count: int, candle: timedelta) -> tuple[Window, ...]:
    """Cut a window at candles, into parts as long as each other; into fewer where it is short."""
    candles = (window.end - window.start) // candle
    # A shard of one candle could open nothing that it closes.
    count = min(count, max(1, candles // 2))
    cuts = [window.start + candle * (candles * number // count) for number in range(count)]
    ends = (*cuts[1:], window.end)
    return tuple(replace(window, start=a, end=b) for a, b in zip(cuts, ends, strict=True))


def joined(outcomes: Sequence[Outcome], folder: Path) -> Outcome:
    """Return the outcomes of shards as one, their journals one after the other in a folder.

    Each began flat, with the whole wallet: the equity is a chain of their returns, and no account.
    """
    first, last = outcomes[0], outcomes[-1]
    values, balance = [], first.starting_balance
    for one in outcomes:
        # By ratio: the next shard was played with the first wallet, not with this one.
        growth = balance / one.starting_balance
        values.append(one.equity.values * growth)
        balance = one.final_balance * growth
    costs = [one.cost for one in outcomes]
    _join_journals([one.folder for one in outcomes], folder)
    return replace(
        first,
        final_balance=balance,
        end=last.end,
        equity=Equity(np.concatenate([one.equity.at for one in outcomes]), np.concatenate(values)),
        trades=tuple(trade for one in outcomes for trade in one.trades),
        decided=sum(one.decided for one in outcomes),
        asked=sum(one.asked for one in outcomes),
        # One unknown price makes the sum unknown; what is known alone would look cheap.
        cost=None if None in costs else math.fsum(cost or 0.0 for cost in costs),
        rejected_entries=sum(one.rejected_entries for one in outcomes),
        folder=folder,
        result_file=None,
    )


def _join_journals(folders: Sequence[Path], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in JOURNALS:
        with (folder / name).open("wb") as whole:
            # Whole lines: a shard that was stopped may have left half of one.
            for one in folders:
                whole.writelines(line.text for line in found_lines(one / name))
