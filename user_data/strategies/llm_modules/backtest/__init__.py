"""The same cycle inside Freqtrade's own backtesting engine, its baselines, and its report."""
