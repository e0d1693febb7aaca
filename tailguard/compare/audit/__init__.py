"""A run in one file that somebody else can check without a network: `tailguard audit`."""
