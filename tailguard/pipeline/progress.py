"""Progress of a run: one block that changes on a terminal, elsewhere a line now and then."""

from typing import Self

from rich.console import Group
from rich.live import Live

from tailguard.base.output.console import PlainConsole, plain

# Plain lines appear in a log (CI): they show that the run still works.
PLAIN_EVERY_S = 10.0


class Progress:
    """Shows the newest line of each scenario; in a log, of all of them one each ten seconds. A context manager."""

    def __init__(self, console: PlainConsole | None = None) -> None:
        self.console = console or PlainConsole(stderr=True)
        self._lines: dict[str, str] = {}
        self._shown_s = float("-inf")
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self.console.file.isatty():  # FORCE_COLOR makes a log colourful, not a terminal
            self._live = Live(console=self.console, refresh_per_second=8, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def update(self, slug: str, line: str, now_s: float, *, last: bool = False) -> None:
        """Show the present line of a scenario; `now_s` is the caller's clock, in s."""
        self._lines[slug] = line
        if self._live is not None:
            self._live.update(Group(*(plain(text, cut=True) for text in self._lines.values())))
        elif last or now_s - self._shown_s >= PLAIN_EVERY_S:
            self._shown_s = now_s
            self.console.print(line, soft_wrap=True)
