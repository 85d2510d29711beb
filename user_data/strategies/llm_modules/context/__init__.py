"""Snapshot, account and experience become one prompt within a token budget."""
