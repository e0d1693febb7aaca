"""Writes what the benchmarks find into docs/reference/performance.md.

`python -m benchmarks.page [NAME ...]`: the named ones, all without a name. A table that was not measured anew stays as
it is. On a busy machine seconds are too long; ratios of one run change less.
"""

import argparse
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import psutil

from benchmarks import fan_out, http_rate, scale, seeding, start
from benchmarks.figure import Figure

PAGE = Path(__file__).resolve().parent.parent / "docs/reference/performance.md"
BENCHMARKS: dict[str, Callable[[], Iterable[Figure]]] = {
    "start": start.figures,
    "http_rate": http_rate.figures,
    "fan_out": fan_out.figures,
    "seeding": seeding.figures,
    "scale": scale.figures,
}
HEAD = ("What", "Tailguard", "Beside it, in the same run", "Aim")


def main() -> None:
    """Measure, and write each table as soon as it is there."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    names = parser.parse_args().names or [*BENCHMARKS]
    for name in names:
        written(PAGE, name, None)  # no minute is spent on what has no place
    for name in names:
        before = os.getloadavg()[0]
        rows = [*BENCHMARKS[name]()]
        written(PAGE, name, [*table(rows), "", measured_on(name, before)])
        print(f"{name}: {len(rows)} figures")


def table(figures: Iterable[Figure]) -> Iterator[str]:
    """Yield the lines of a Markdown table."""
    yield f"| {' | '.join(HEAD)} |"
    yield f"|{'---|' * len(HEAD)}"
    yield from (f"| {' | '.join(each.cells())} |" for each in figures)


def written(page: Path, name: str, lines: Sequence[str] | None) -> None:
    """Put lines, if there are any yet, between the marks of a benchmark. Raises ValueError for a page without them."""
    text = page.read_text(encoding="utf-8")
    begin, end = f"<!-- written by python -m benchmarks.page {name} -->\n", "<!-- /written -->"
    found = re.search(f"{re.escape(begin)}.*?{re.escape(end)}", text, re.DOTALL)
    if found is None:
        raise ValueError(f"{page} has no place for {name}: {begin.strip()} … {end}")
    if lines is None:
        return
    put = f"{begin}\n{chr(10).join(lines)}\n\n{end}"
    page.write_text(text[: found.start()] + put + text[found.end() :], encoding="utf-8")


def measured_on(name: str, load: float) -> str:
    """Say when and by what command, and how busy the machine was before."""
    day, cores = f"{datetime.now(UTC):%Y-%m-%d}", psutil.cpu_count()
    return f"`python -m benchmarks.{name}`, {day}, {cores} cores at a load of {load:.1f}."


if __name__ == "__main__":
    main()
