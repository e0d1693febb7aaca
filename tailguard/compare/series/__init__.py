"""A series of runs: where it changed, and whether it changes now."""
