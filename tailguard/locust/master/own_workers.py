"""The workers of `--processes`, which locust forks from its master."""

from contextlib import suppress

import psutil


def living_workers() -> int:
    """Return how many of our forks live: they have our own command line."""
    master = psutil.Process()
    mine, living = master.cmdline(), 0
    for child in master.children():
        with suppress(psutil.Error):
            living += child.status() != psutil.STATUS_ZOMBIE and child.cmdline() == mine
    return living
