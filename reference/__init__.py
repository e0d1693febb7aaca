"""The platform under test: a reference implementation of the tournament platform's hot paths."""
