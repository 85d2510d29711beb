"""config.json and .env: read as Freqtrade reads them, checked, and changed in place."""
