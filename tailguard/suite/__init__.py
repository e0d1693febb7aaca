"""The public nouns of a suite: scenarios, fixtures, invariants; how they are found and put together."""
