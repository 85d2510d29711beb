"""What runs: the bot's programs planned, started, watched, asked and ended."""
