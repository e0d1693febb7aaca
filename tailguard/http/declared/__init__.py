"""Scenarios that a TOML file declares, without Python: its format, what it means, how it is played."""
