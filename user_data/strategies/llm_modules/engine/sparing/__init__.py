"""When the model need not be asked: not this pair's turn, or nothing changed since it waited."""

from llm_modules.engine.sparing.sparing import Skip, Sparing

__all__ = ["Skip", "Sparing"]
