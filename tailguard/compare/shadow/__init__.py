"""A shadow run's answers and latencies, compared: which fields differ, what of it is noise, and what follows."""

# A PASS says that fewer answers than this share differ.
MOST_DIFFERING = 0.01
