"""Trades at random times: as many of each pair as the model made, with its stakes and durations."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from llm_modules.backtest.outcome import Outcome
from llm_modules.domain import ClosedTrade, Side

# Freqtrade locks a pair for a candle after each close.
REST_CANDLES = 1
SIDES: tuple[Side, Side] = ("long", "short")


@dataclass(frozen=True, slots=True)
class Draft:
    """A trade to be made at a time or soon after; `stop_ratio` is that of the entry price.

    None leaves the stop to the bot.
    """

    at: datetime
    side: Side
    leverage: float
    stake_amount: float
    stop_ratio: float | None
    candles: int


@dataclass(frozen=True, slots=True)
class Model:
    """What of a run its random counterparts share: the time, the candle, the trades by pair."""

    start: datetime
    span: timedelta
    candles: int
    trades: dict[str, tuple[ClosedTrade, ...]]


def model_of(outcome: Outcome, span: timedelta) -> Model:
    """Return what random trading needs to know of a run whose candles are this long."""
    by_pair: defaultdict[str, list[ClosedTrade]] = defaultdict(list)
    for trade in outcome.trades:
        by_pair[trade.pair].append(trade)
    # In order of the pairs of the run, so that a seed means the same whatever was traded first.
    trades = {pair: tuple(by_pair[pair]) for pair in outcome.pairs if by_pair[pair]}
    return Model(outcome.start, span, (outcome.end - outcome.start) // span, trades)


def drafted(model: Model, generator: np.random.Generator) -> dict[str, list[Draft]]:
    """Draw each pair's trades: shuffled, on a side by the toss of a coin, at random times."""
    return {
        pair: _placed([_draft(trade, model, generator) for trade in trades], model, generator)
        for pair, trades in model.trades.items()
    }


def _draft(trade: ClosedTrade, model: Model, generator: np.random.Generator) -> Draft:
    held = (trade.closed_at - trade.opened_at) / model.span
    stop = trade.thesis.stop_price if trade.thesis else None
    return Draft(
        at=model.start,
        side=SIDES[int(generator.integers(2))],
        leverage=trade.leverage,
        stake_amount=trade.stake_amount,
        stop_ratio=None if stop is None else abs(stop / trade.open_rate - 1),
        candles=max(1, round(held)),
    )


def _placed(drafts: Sequence[Draft], model: Model, generator: np.random.Generator) -> list[Draft]:
    """Give drafts a random order and random times at which none meets the one before."""
    shuffled = [drafts[int(place)] for place in generator.permutation(len(drafts))]
    needed = sum(draft.candles + REST_CANDLES for draft in shuffled)
    # What is left is free time, which falls before, between and after them.
    free = max(0, model.candles - 1 - needed)
    pauses = np.sort(generator.integers(0, free + 1, size=len(shuffled)))
    placed, taken = [], 1
    for draft, pause in zip(shuffled, pauses, strict=True):
        placed.append(replace(draft, at=model.start + (taken + int(pause)) * model.span))
        taken += draft.candles + REST_CANDLES
    return placed
