"""The kinds of statements that a migration is made of, from kinds.toml: one table for the proof, lint and the docs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec

from tailguard.migrations.text.sql import NAME, QUALIFIED

Class = Literal["a", "b", "c"]
Needs = Literal["", "bare column", "columns not null"]
SCHEMA_OBJECTS = {"table", "index", "partition"}
PLACE = re.compile(r"(?<!\?P)<(?P<name>\w+)(?P<any>\.\.\.\??)?>")


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of statement; kinds.toml says what each field means."""

    slug: str
    title: str
    of_class: Class = msgspec.field(name="class")
    match: str
    example: str
    lock: str = ""
    grows: bool | None = None
    partitioned: bool | None = None
    since: int = 15
    setup: str = ""
    constraint: str = ""
    unused: tuple[str, ...] = ()
    safe: tuple[str, ...] = ()
    why: str = ""
    needs: Needs = ""

    @property
    def pattern(self) -> re.Pattern[str]:
        return _compiled(self.match)

    def fits(self, *, grows: bool | None, partitioned: bool) -> bool:
        """Whether a statement that did so is of this kind; `grows` is None if it was not observed."""
        if self.partitioned is not None and self.partitioned != partitioned:
            return False
        return None in (self.grows, grows) or self.grows == grows


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: tuple[Kind, ...]


@dataclass(frozen=True, slots=True)
class Recognised:
    """A statement's kind and the parts of its text, by their names in `match`; "" for one that is not there."""

    kind: Kind
    parts: dict[str, str]

    @property
    def unused(self) -> list[str]:
        """Tables that no client uses yet."""
        return [self.parts[name] for name in self.kind.unused]


@cache
def kinds() -> tuple[Kind, ...]:
    """Return all kinds, in the order in which they are tried."""
    text = files("tailguard.migrations.kinds").joinpath("kinds.toml").read_text(encoding="utf-8")
    return msgspec.toml.decode(text, type=_Table).kind


def recognise(text: str, *, grows: bool | None = None, partitioned: bool = False) -> Recognised | None:
    """Return what kind of statement a text is, by its words and what was observed of it; None if none is known."""
    return next(_recognised(text, grows=grows, partitioned=partitioned), None)


def kind_called(slug: str) -> Kind | None:
    """Return a kind by its slug."""
    return next((kind for kind in kinds() if kind.slug == slug), None)


def _recognised(text: str, *, grows: bool | None, partitioned: bool) -> Iterator[Recognised]:
    for kind in kinds():
        if kind.match and kind.fits(grows=grows, partitioned=partitioned):
            found = kind.pattern.fullmatch(text)
            if found is not None:
                yield Recognised(kind, {name: part or "" for name, part in found.groupdict().items()})


@cache
def _compiled(match: str) -> re.Pattern[str]:
    return re.compile(
        PLACE.sub(_place, match.replace(" ?", r"\s*").replace(" ", r"\s+")),
        re.IGNORECASE | re.DOTALL | re.ASCII,
    )


def _place(found: re.Match[str]) -> str:
    name, any_text = found["name"], found["any"]
    if any_text is None:
        return f"(?P<{name}>{QUALIFIED if name in SCHEMA_OBJECTS else NAME})"
    return f"(?P<{name}>.+?)"
