"""What runs for days: one leader at a time."""
