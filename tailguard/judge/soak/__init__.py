"""A soak, judged from the counters of its segments alone."""
