"""What differs between providers: one row each in a table, and the formats they speak."""
