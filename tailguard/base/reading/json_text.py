"""JSON that is not ours, or that somebody may have edited: every mistake has its place."""

import json
import re
from collections.abc import Callable, Iterable
from typing import TypeAlias, TypeVar

import msgspec

from tailguard.base.reading.bare_text import bare, line_too_deep

T = TypeVar("T")
Read: TypeAlias = "bool | int | float | str | list[Read] | dict[str, Read] | None"

# A query's plan takes two levels per node, and 50 nodes below each other are rare.
DEEPEST = 150
_MOST = 2**63 - 1  # what a column of numbers holds
# In a text that is indented by a space per level: a number that may be beyond 64 bits.
_LARGE = re.compile(rb" -?\d(?:\d{18}|[\d.]*[eE]\+?\d)")
_BYTE = re.compile(r" \(byte (\d+)\)")


class JsonError(ValueError):
    """It is not JSON, or not what was asked for; with the place."""


def decode(
    content: bytes | str, kind: type[T], dec_hook: Callable[[type, object], object] | None = None
) -> T:
    """Return the value of type `kind` that a text holds. Raises JsonError."""
    try:
        return msgspec.json.decode(content, type=kind, dec_hook=dec_hook)
    except RecursionError:
        text = content if isinstance(content, str) else content.decode("utf-8", errors="replace")
        line = line_too_deep(bare(text), DEEPEST)
        raise JsonError(f"it nests too deeply, on line {line}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise JsonError(_with_line(str(error), content)) from None


def refuse_ambiguous(content: bytes) -> None:
    """Raise JsonError for what programs read in different ways: a key that occurs twice, a number beyond 64 bits.

    Deep nesting, too: what walks through the value later would not come to its end.
    """
    if _is_as_we_write_it(content):
        return
    try:
        value: Read = json.loads(content, object_pairs_hook=_once)
    except RecursionError:
        raise JsonError(f"it nests deeper than {DEEPEST} levels") from None
    except ValueError as error:
        raise JsonError(str(error)) from None
    if wrong := _wrong(value, 0):
        raise JsonError(f"{wrong[1]} - at `${wrong[0][:200]}`")


def _is_as_we_write_it(content: bytes) -> bool:
    """Whether it comes back as it is from being read and written: a key that occurs twice would be there once.

    To walk through a large record takes ten times as long.
    """
    if not content.startswith(b"{") or b"\n" + b" " * DEEPEST in content or _LARGE.search(content):
        return False
    try:
        return (
            msgspec.json.format(msgspec.json.encode(msgspec.json.decode(content)), indent=1)
            == content.rstrip()
        )
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return False


class _Twice(dict[str, Read]):
    """An object in which a key occurs twice."""

    key: str


def _once(pairs: list[tuple[str, Read]]) -> dict[str, Read]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    twice, seen = _Twice(found), set[str]()
    twice.key = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]  # None: it was new
    return twice


def _wrong(value: Read, depth: int) -> tuple[str, str] | None:
    """Return the place below here of the first mistake, and what it is."""
    if isinstance(value, _Twice):
        return "", f"the key {value.key!r} occurs twice"
    if depth > DEEPEST:
        return "", f"it nests deeper than {DEEPEST} levels"
    if isinstance(value, dict):
        return _first_wrong(value.items(), ".{}", depth)
    if isinstance(value, list):
        return _first_wrong(enumerate(value), "[{}]", depth)
    if value is None or isinstance(value, str) or -_MOST <= value <= _MOST:
        return None
    return "", f"{value:.3g} is beyond what 64 bits hold"


def _first_wrong(
    items: Iterable[tuple[str, Read]] | Iterable[tuple[int, Read]], step: str, depth: int
) -> tuple[str, str] | None:
    for name, each in items:
        if each is None or isinstance(each, str):  # most of a record, and never wrong
            continue
        if found := _wrong(each, depth + 1):
            return step.format(name) + found[0], found[1]
    return None


def _with_line(error: str, content: bytes | str) -> str:
    """Say line and column instead of the byte."""
    found = _BYTE.search(error)
    if found is None:
        return error
    raw = content.encode() if isinstance(content, str) else content
    before = raw[: int(found[1])]
    line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
    return error.replace(found[0], f" (line {line}, column {column})")
