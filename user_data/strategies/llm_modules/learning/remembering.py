"""The old name of `remembered.py`, until operations/past_trades.py asks for the new one."""

from llm_modules.learning.remembered import remembered

__all__ = ["remembered"]
