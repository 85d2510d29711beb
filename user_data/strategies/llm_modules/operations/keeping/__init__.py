"""Backups of what a bot knows: made while it runs, listed, and put back in its place."""
