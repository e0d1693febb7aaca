"""A first suite for a folder that has none."""
