"""Standard output: a terminal, or the pipe or file that stands in for it."""

import os
import sys

from rich.console import Console

# No line is so long: a log is searched for whole names, and folded by whoever shows it.
_UNFOLDED = 100_000


def output_console() -> Console:
    """Return the console of standard output; in a pipe or a file it folds no line, unless COLUMNS says how wide."""
    folds = sys.stdout.isatty() or bool(os.environ.get("COLUMNS"))
    return Console(highlight=False, width=None if folds else _UNFOLDED)
