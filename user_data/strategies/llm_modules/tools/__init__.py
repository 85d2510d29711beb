"""Six tools: what a model may ask for, strictly validated."""
