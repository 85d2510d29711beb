"""Proofs that a backtest does not look ahead, and how they are made: docs/lookahead.md."""

from llm_modules.backtest.lookahead.proving import prove

__all__ = ["prove"]
