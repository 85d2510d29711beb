"""Ways to trade that knew nothing, on the same candles, fees and funding as the model."""
