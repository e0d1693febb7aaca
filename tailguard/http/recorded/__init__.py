"""Requests of users, recorded by a shadow run: their file, and the scenario that sends them again."""
