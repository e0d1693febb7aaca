"""Rich's console on standard output or error: a terminal, or the pipe or file that stands in for it.

Strings and `plain` texts are shown as they are: no markup, no emoji codes, no control characters.
"""

import os
import sys
from typing import Any

from rich.console import Console  # noqa: TID251  # the one place
from rich.text import Text  # noqa: TID251  # likewise

from tailguard.base.output.escaping import for_terminal

# No line is so long: a log is searched for whole names, and its viewer folds long lines.
UNFOLDED = 100_000


class PlainConsole(Console):
    """Takes strings for text alone, in the cells of a table too."""

    def __init__(self, **options: Any) -> None:  # Any: those of Console
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:  # Any: likewise
        """Return the text without control characters."""
        return super().render_str(for_terminal(text), **options)


def plain(text: str, style: str = "", *, cut: bool = False) -> Text:
    """Return a text of one line with a style of its own; `cut` shortens it to the width, where it would be folded."""
    return Text(for_terminal(text), style, no_wrap=cut or None, overflow="ellipsis" if cut else None)


def output_console() -> PlainConsole:
    """Return the console of standard output; in a pipe or a file it folds no line, unless COLUMNS says how wide."""
    folds = sys.stdout.isatty() or bool(os.environ.get("COLUMNS"))
    return PlainConsole(width=None if folds else UNFOLDED)
