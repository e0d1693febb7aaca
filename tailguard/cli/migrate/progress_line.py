"""One line on what a build is doing: a bar if there is a terminal, otherwise a line for each new phase."""

import sys
from typing import TextIO

from tailguard.base.output.escaping import for_terminal
from tailguard.base.text_format import duration_s, ratio
from tailguard.migrations.blockers import Progress

BAR = 20  # characters
# One bar overwrites another up to here; a longer line would wrap and stay.
LINE = 100


class ProgressLine:
    """Shows each look at a build; call it with a Progress, and `close` it at the end."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._last = ""

    def __call__(self, look: Progress) -> None:
        if self._stream.isatty():
            self._write(f"\r{for_terminal(progress_text(look))[:LINE]:<{LINE}}")
            self._last = "bar"
            return
        story = f"{look.phase}{_blockers(look)}"
        if story != self._last:
            self._write(for_terminal(f"  {duration_s(look.elapsed_s)}: {story}") + "\n")
            self._last = story

    def close(self) -> None:
        """Take the bar away."""
        if self._last == "bar":
            self._write(f"\r{'':<{LINE}}\r")
        self._last = ""

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def progress_text(look: Progress) -> str:
    """Write a look as one line: time, phase, blocks done of all, who holds it up."""
    done = ""
    if look.blocks_total:
        share = look.blocks_done / look.blocks_total
        bar = "#" * round(BAR * share)
        done = f" [{bar:<{BAR}}] {ratio(share)} of {look.blocks_total:,} blocks"
    return f"{duration_s(look.elapsed_s)} {look.phase}{done}{_blockers(look)}"


def _blockers(look: Progress) -> str:
    return "".join(f", waits for pid {b.pid} ({b.user or 'unknown'}, {b.state})" for b in look.blockers)
