"""A run in the formats of other tools: one format a file, each a function from a run to named files."""
