"""A prompt goes to a model; a reply comes back, or a typed error."""
