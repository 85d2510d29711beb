"""What was recorded, held against each other: journals, Freqtrade's database, pictures of both."""
