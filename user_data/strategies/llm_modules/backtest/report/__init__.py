"""A run told to people: tables in the terminal, and one page that needs no network."""
