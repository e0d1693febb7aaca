"""Rules for what other statements lock."""
