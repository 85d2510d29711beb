"""Candles in, a snapshot with indicators out."""
