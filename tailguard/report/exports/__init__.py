"""A run in the formats of other tools: one format per file, each a function from a run to named files."""
