"""DeltaCrown under test: fixtures, adapters of the platform, own profiles and commands."""
