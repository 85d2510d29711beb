"""A simulated exchange replaying real candles, and a scripted model: both loopback only."""
