"""A recorded run once more, from its record alone: `tailguard reproduce`."""
