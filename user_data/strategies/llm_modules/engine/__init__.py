"""The cycle that ties the rooms together, the book, and the bridge to Freqtrade."""
