"""Closed trades become scores, rewards, lessons and patterns."""
