"""A record of a run as somebody may have changed it: one or two places hold something else."""

import copy
from collections.abc import Iterator, Mapping
from typing import TypeAlias

import hypothesis.strategies as st
import msgspec

from tailguard.record.part import Json

Path: TypeAlias = tuple[str | int, ...]

# Of every type what is at its edges, and what is read by somebody else: terminals, pages, tables, paths.
STRANGE: tuple[Json, ...] = (
    None, True, False, [], {}, [[]], [None], {"": None},
    0, 1, -1, 2, 255, 2**31, 2**53 + 1, 2**62, 2**63 - 1, -(2**63) + 1, 10**30,
    0.0, -0.0, 0.5, 0.95, 1.0, 1.5, -1e-300, 1e-300, 1e15, 9.2e18, -9.2e18, 1e300, 1e308,
    "", " ", "x", "PASS", "error", "register", "NaN", "../../../../etc/passwd", "a/b", "x" * 5000,
    "\u202e", "\U0001f600",
    "\x1b[2J\x1b]0;t\x07", "\x00", "line\n# heading\n::set-env name=a::b", "<script>1</script>", "[/x][link=http://e]",
    "%s %(a)s {0} {a}", "$(id)",
    "=1+1", "@team #1 http://e.example", "9999-99-99T99:99:99Z", "2026-02-31T00:00:00Z",
    "0001-01-01T00:00:00Z", "f" * 64,
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, documents: Mapping[str, Json]) -> tuple[str, bytes]:
    """One of the documents by its name, and its text with one to three changes."""
    name = draw(st.sampled_from(sorted(documents)))
    document = copy.deepcopy(documents[name])
    for _ in range(draw(st.integers(1, 3))):
        places = [*_places(document)]
        path = places[draw(st.integers(0, len(places) - 1))]
        other = places[draw(st.integers(0, len(places) - 1))]
        change = draw(st.sampled_from(("alike", "alike", "alike", "strange", "remove", "copy", "twice")))
        alike = [each for each in STRANGE if type(each) is type(_at(document, path))]
        strange = draw(st.sampled_from(alike if change == "alike" and alike else STRANGE))
        _change(document, path, change, strange, copy.deepcopy(_at(document, other)))
    return name, msgspec.json.encode(document)


def _change(document: Json, path: Path, change: str, strange: Json, other: Json) -> None:
    inside, last = _at(document, path[:-1]), path[-1]
    match change:
        case "strange" | "alike":
            inside[last] = strange  # type: ignore[index,call-overload]  # a path leads to a list or an object
        case "copy":
            inside[last] = other  # type: ignore[index,call-overload]  # likewise
        case "remove":
            del inside[last]  # type: ignore[union-attr,arg-type]  # likewise
        case "twice" if isinstance(inside, list):
            inside.append(inside[int(last)])
        case "twice" if isinstance(inside, dict):
            inside[f"{last}2"] = inside[str(last)]


def _places(document: Json) -> Iterator[Path]:
    """Yield every path. A copy into its own inside, again and again, is deeper than Python may call."""
    left: list[tuple[Path, Json]] = [((), document)]
    while left:
        path, value = left.pop()
        if path:
            yield path
        items = (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        )
        left += [((*path, name), each) for name, each in items]


def _at(value: Json, path: Path) -> Json:
    for name in path:
        value = value[name]  # type: ignore[index,call-overload]  # as above
    return value
