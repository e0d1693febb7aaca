"""Orders to a run under way: `tailguard control`, and the same orders when the run is played again."""
