"""What asking costs: prices, a ledger of every request, and the budget that stops it."""
