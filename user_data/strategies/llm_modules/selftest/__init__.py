"""The shipped adversarial battery: every promise of the gate, tried against the user's settings."""
