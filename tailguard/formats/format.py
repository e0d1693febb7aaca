"""How a format describes itself: to the reader that chooses it, to its test, and to the page of all formats."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tailguard.base.errors import UsageError
from tailguard.formats.content import Histogram, Options, Rows

Shape = TypeVar("Shape")


@dataclass(frozen=True)
class Format(Generic[Shape]):
    """A format that is read.

    Attributes:
        title: what it is; `made_by` is the command that writes it.
        known_by: how it is recognised, in words; `fits` does it.
        unit, failed, names: where each comes from, in words.
        columns: that may be named instead of its own; None: any.
        example: a short file of it, which its test reads with `options`; `latencies_ms` are the good ones in it.
    """

    title: str
    made_by: str
    known_by: str
    unit: str
    failed: str
    names: str
    example: str = field(repr=False)
    latencies_ms: tuple[float, ...]
    fits: Callable[[Shape], bool] = field(repr=False)
    read: Callable[[Shape, Options], Rows | Histogram] = field(repr=False)
    columns: tuple[str, ...] | None = ()
    options: Options = field(default_factory=Options)

    def read_as_asked(self, content: Shape, options: Options) -> Rows | Histogram:
        """Read the file, unless a column is named that the format does not have."""
        if options.column is not None and self.columns is not None and options.column not in self.columns:
            others = f"; it may be {' or '.join(self.columns)}" if self.columns else ""
            raise UsageError(
                f"{self.title}: its latency is known; leave --column {options.column!r} out{others}"
            )
        return self.read(content, options)


@dataclass(frozen=True)
class Summary(Generic[Shape]):
    """A file of percentiles or averages: named for what it is, since no percentile can be judged."""

    title: str
    remedy: str
    fits: Callable[[Shape], bool] = field(repr=False)

    @property
    def refusal(self) -> str:
        """Why it cannot be judged, and what can."""
        return f"this is {self.title}: a summary has no samples, and its percentiles cannot be judged; {self.remedy}"
