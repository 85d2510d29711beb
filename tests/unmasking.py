"""What a masked run came to, told of the real market: to be held against an open run."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import numpy as np

from llm_modules.backtest.masking.masked import Masked
from llm_modules.backtest.outcome import Equity, Outcome
from llm_modules.domain import ClosedTrade, Thesis

PRICE_FACTS = frozenset({"price", "support", "resistance"})
PRICE_DIGITS = 12


def unmasked(outcome: Outcome, masked: Masked) -> Outcome:
    """Return an outcome with real pairs, dates and prices.

    What the model wrote stays as it is, decision ids and journals too: they are masked, and the
    ids still name their lines there.
    """
    milliseconds = masked.shift // timedelta(milliseconds=1)
    at = outcome.equity.at + np.int64(milliseconds)
    return replace(
        outcome,
        start=outcome.start + masked.shift,
        end=outcome.end + masked.shift,
        pairs=tuple(masked.names[pair] for pair in outcome.pairs),
        equity=Equity(at, outcome.equity.values),
        trades=tuple(real_trade(trade, masked) for trade in outcome.trades),
    )


def real_trade(trade: ClosedTrade, masked: Masked) -> ClosedTrade:
    """Return a trade as it would have been in the real market; amounts of money are the same."""
    factor = masked.factors[trade.pair]
    return replace(
        trade,
        pair=masked.names[trade.pair],
        opened_at=trade.opened_at + masked.shift,
        closed_at=trade.closed_at + masked.shift,
        open_rate=_real(trade.open_rate, factor),
        close_rate=_real(trade.close_rate, factor),
        stop_price=_real(trade.stop_price, factor),
        liquidation_price=_known(trade.liquidation_price, factor),
        thesis=trade.thesis and real_thesis(trade.thesis, factor),
        exit_facts=_facts(trade.exit_facts, factor),
    )


def real_thesis(thesis: Thesis, factor: float) -> Thesis:
    """Return a thesis with real prices; its words are the model's own."""
    return replace(
        thesis,
        key_support=_real(thesis.key_support, factor),
        key_resistance=_real(thesis.key_resistance, factor),
        stop_price=_known(thesis.stop_price, factor),
        target_price=_known(thesis.target_price, factor),
        facts=_facts(thesis.facts, factor),
    )


def _real(price: float, factor: float) -> float:
    # Dividing floats leaves a trace behind the sixteenth digit: 135.92999999999998.
    return float(f"{price / factor:.{PRICE_DIGITS}g}")


def _known(price: float | None, factor: float) -> float | None:
    return None if price is None else _real(price, factor)


def _facts(facts: Mapping[str, float], factor: float) -> Mapping[str, float]:
    return {
        name: _real(value, factor) if name in PRICE_FACTS else value
        for name, value in facts.items()
    }
