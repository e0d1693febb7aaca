"""Changes to a run under way."""
