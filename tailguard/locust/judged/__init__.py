"""A locustfile of one's own, judged: its requests are kept exactly, by request name, and nothing else changes."""
