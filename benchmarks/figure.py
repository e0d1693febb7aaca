"""One figure of the page on performance: what was measured, what it is held against, and what it should be."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A row of a table; `met` is None if there is no aim."""

    what: str
    ours: str
    beside: str
    aim: str = ""
    met: bool | None = None

    def cells(self) -> tuple[str, ...]:
        """Return the cells of the row, the aim with a cross if it was missed."""
        return self.what, self.ours, self.beside, self.aim if self.met is not False else f"{self.aim} ✗"
