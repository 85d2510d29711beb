"""Between the model and the exchange: checks, verdicts, stops, position tracking."""
