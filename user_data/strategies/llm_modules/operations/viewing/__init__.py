"""Journals and logs for people: followed, chosen from, and one record told whole."""
