"""A shadow run: users are answered by the primary, and a candidate is asked the same, whose answers no user sees."""
