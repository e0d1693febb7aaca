"""docs/reference/migrations.md: the tables that are written from kinds.toml and from the matrix."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from tailguard.base.text_format import duration_ms
from tailguard.migrations.kinds import Kind, kind_called, kinds

PAGE = Path("docs/reference/migrations.md")
BEGIN, END = "<!-- kinds, written by make ddl-matrix -->\n", "<!-- /kinds -->\n"
PART = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
CAUGHT, CALM, NOT_RUN, NOT_THERE = "caught", "calm", "not run", "not on 15"
VERSIONS = ("18", "15")
Results = Mapping[tuple[str, str], Mapping[str, object]]
HEAD = """\
| statement | class | the safe way | on 18 as written | on 18 safely | on 15 as written | on 15 safely |
|---|---|---|---|---|---|---|
"""


def rendered(page: str, known: Results) -> str:
    """Return the page with the table of all kinds in its place."""
    table = HEAD + "".join(f"| {' | '.join(_row(kind, known))} |\n" for kind in kinds())
    return PART.sub(lambda _: f"{BEGIN}{table}{''.join(_others(known))}{END}", page)


def _others(known: Results) -> Iterator[str]:
    """Sum up each version that has no columns."""
    for version in ("17", "16"):
        cells = {kind: each for (kind, of), each in known.items() if of == version}
        if cells:
            right = sum(each["caught"] == (kind_of(slug).of_class != "c") for slug, each in cells.items())
            runs = sum(int(str(each["safe_runs"])) for each in cells.values())
            accused = sum(len(each["accused"]) for each in cells.values())  # type: ignore[arg-type]
            yield (
                f"\nOn {version}: {right} of {len(cells)} kinds are caught or calm as their class says,"
                f" {accused} of {runs} safe runs accused.\n"
            )


def kind_of(slug: str) -> Kind:
    kind = kind_called(slug)
    assert kind is not None
    return kind


def heads() -> list[str]:
    """Return what each row of the table begins with, whatever was measured."""
    return [f"| {' | '.join(_head(kind))} |" for kind in kinds()]


def _head(kind: Kind) -> tuple[str, str, str]:
    return f"{kind.title}<br>`{kind.slug}`", f"({kind.of_class})", _way(kind)


def _row(kind: Kind, known: Results) -> Iterator[str]:
    yield from _head(kind)
    for version in VERSIONS:
        yield from _cells(kind, version, known.get((kind.slug, version)))


def _way(kind: Kind) -> str:
    if kind.safe == ("retry: {text}",):
        return "the same under a lock timeout, again and again"
    if kind.safe:
        return "<br>".join(map(_short, kind.safe))
    return "none needed" if kind.of_class == "c" else kind.why


def _short(template: str) -> str:
    how, _, text = template.partition(": ")
    if text == "{text}":
        return f"{how}: the statement itself"
    text = text if len(text) <= 90 else f"{text[:90]}…"
    return f"{how}: `{text}`"


def _cells(kind: Kind, version: str, result: Mapping[str, object] | None) -> Iterator[str]:
    if kind.since > int(version):
        yield from (NOT_THERE, "")
        return
    if result is None:
        yield from (NOT_RUN, "")
        return
    longest, safely = (result[name] for name in ("longest_ms", "safe_longest_ms"))
    yield f"{CAUGHT if result['caught'] else CALM}{_waited(longest)}"
    runs = result["safe_runs"]
    accused = len(result["accused"])  # type: ignore[arg-type]
    yield f"{accused} of {runs} runs accused{_waited(safely)}" if runs else ""


def _waited(longest_ms: object) -> str:
    return f", {duration_ms(float(str(longest_ms)))}" if longest_ms is not None else ""
