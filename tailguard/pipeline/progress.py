"""While a run goes on: one live line a scenario on a terminal, plain lines elsewhere."""

from typing import Self

from rich.console import Group
from rich.live import Live

from tailguard.base.output.console import PlainConsole, plain

# Plain lines appear where nobody watches (CI): one each few seconds a scenario is enough.
PLAIN_EVERY_S = 5.0


class Progress:
    """Shows the newest line of each scenario. A context manager."""

    def __init__(self, console: PlainConsole | None = None) -> None:
        self.console = console or PlainConsole(stderr=True)
        self._lines: dict[str, str] = {}
        self._shown_at: dict[str, float] = {}
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self.console.is_terminal:
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
        elif last or now_s - self._shown_at.get(slug, float("-inf")) >= PLAIN_EVERY_S:
            self._shown_at[slug] = now_s
            self.console.print(line, soft_wrap=True)
