"""A backtest on a market without names: what a model remembers of real prices is of no use."""

from llm_modules.backtest.masking.masked import Masked, masked

__all__ = ["Masked", "masked"]
