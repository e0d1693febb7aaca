"""Bytes with slots for values: what of a request is known before the first iteration is encoded once."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TypeAlias
from urllib.parse import quote, quote_plus

import msgspec

from tailguard.http.template import Values, as_text, look_up, parted
from tailguard.record.part import Json

Encode: TypeAlias = Callable[[Json], bytes]
# What would end a header's line, or the request's (RFC 9110, 5.5).
_UNSAFE_IN_HEADER, _UNSAFE_IN_LINE = re.compile(r"[\r\n\0]"), re.compile(r"[\0-\x20\x7f]")
_MOST_SHOWN = 40


class UnsafeValueError(ValueError):
    """A value cannot stand in a request's line or headers: it would end them, or has characters that they lack."""


class Slot:
    """A place in a pattern, and how its value is encoded there."""

    __slots__ = ("_encode", "_field", "_name", "_place")

    def __init__(self, place: str, encode: Encode) -> None:
        self._place, self._encode = place, encode
        self._name, _, self._field = place.partition(".")

    def fill(self, values: Values) -> bytes:
        """Return the encoded value. Raises UsageError if there is none."""
        try:
            found = values[self._name]
            if self._field:
                found = found[self._field]  # type: ignore[index,call-overload]  # of a row; else TypeError
        except (KeyError, TypeError):
            found = look_up(self._place, values)
        # A row stands for nothing by itself, and an object of JSON neither.
        if isinstance(found, dict):
            found = look_up(self._place, values)
        return self._encode(found)  # type: ignore[arg-type]  # each row is a dict


class Pattern:
    """Bytes with slots."""

    __slots__ = ("_parts", "_slots")

    def __init__(self, parts: Iterable[bytes | Slot]) -> None:
        self._parts: list[bytes] = [b""]
        self._slots: list[tuple[int, Slot]] = []
        for part in parts:
            if isinstance(part, bytes):
                self._parts[-1] += part
            else:
                self._slots.append((len(self._parts), part))
                self._parts += b"", b""

    @property
    def is_constant(self) -> bool:
        """Whether there are no slots."""
        return not self._slots

    @property
    def parts(self) -> list[bytes | Slot]:
        """What it is made of."""
        slots = dict(self._slots)
        return [slots.get(index, part) for index, part in enumerate(self._parts)]

    def fill(self, values: Values) -> bytes:
        """Return the bytes with all slots filled. Raises UsageError for a value that there is not."""
        if not self._slots:
            return self._parts[0]
        parts = self._parts.copy()
        for index, slot in self._slots:
            parts[index] = slot.fill(values)
        return b"".join(parts)


Parts: TypeAlias = Sequence[bytes | Slot]


def parts_of(template: str, encode: Encode, literally: Encode | None = None) -> list[bytes | Slot]:
    """Return the parts of a text: `encode` is for the values of its places and, without `literally`, for the rest."""
    found: list[bytes | Slot] = []
    for text, place in parted(template):
        found.append((literally or encode)(text))
        if place:
            found.append(Slot(place, encode))
    return found


def json_parts(template: Json) -> list[bytes | Slot]:
    """Return the parts of JSON; a text that is nothing but a place keeps the value's type."""
    if isinstance(template, str):
        texts = [*parted(template)]
        if len(texts) == 2 and texts[0][0] == texts[1][0] == "":  # noqa: PLR2004  # before and after the place
            return [Slot(texts[0][1], msgspec.json.encode)]
        return [b'"', *parts_of(template, in_json), b'"']
    if isinstance(template, dict):
        items = [[msgspec.json.encode(name), b":", *json_parts(item)] for name, item in template.items()]
        return [b"{", *_listed(items), b"}"]
    if isinstance(template, list):
        return [b"[", *_listed([json_parts(item) for item in template]), b"]"]
    return [msgspec.json.encode(template)]


def form_parts(pairs: Mapping[str, Json]) -> list[bytes | Slot]:
    """Return the parts of a form, or of what stands behind the `?` of a path."""
    items = [[in_query(name), b"=", *parts_of(as_text(text), in_query)] for name, text in pairs.items()]
    return _listed(items, b"&")


def as_it_is(value: Json) -> bytes:
    """Return a value in UTF-8."""
    return as_text(value).encode()


def in_path(value: Json) -> bytes:
    """Return a value as one segment of a path."""
    text = as_text(value)
    is_plain = text.isascii() and text.isalnum()
    return (text if is_plain else quote(text, safe="")).encode("ascii")


def in_query(value: Json) -> bytes:
    """Return a value as a form has it."""
    return quote_plus(as_text(value)).encode("ascii")


def in_json(value: Json) -> bytes:
    """Return a value within a text of JSON."""
    return msgspec.json.encode(as_text(value))[1:-1]


def in_header(value: Json) -> bytes:
    """Return a value within a header. Raises UnsafeValueError for one that would end it."""
    text = as_text(value)
    if _UNSAFE_IN_HEADER.search(text):
        raise UnsafeValueError(f"{_shown(text)} cannot stand in a header: it has a line's end")
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        raise UnsafeValueError(
            f"{_shown(text)} cannot stand in a header: it has letters beyond latin-1"
        ) from None


def in_line(value: Json) -> bytes:
    """Return a whole path of a link. Raises UnsafeValueError for one that would end the request's line."""
    text = as_text(value)
    if _UNSAFE_IN_LINE.search(text) or not text.isascii():
        raise UnsafeValueError(
            f"{_shown(text)} is not a link: it has blanks, or letters that a link must quote"
        )
    return text.encode("ascii")


def header_lines(headers: Mapping[str, str], without: Collection[str]) -> bytes:
    """Return headers as they are sent, but for some, named in lower case. Raises UnsafeValueError."""
    kept = {name: value for name, value in headers.items() if name.lower() not in without}
    return b"".join(b"%s: %s\r\n" % (in_header(name), in_header(value)) for name, value in kept.items())


def _listed(items: Iterable[Parts], between: bytes = b",") -> list[bytes | Slot]:
    return [part for number, item in enumerate(items) for part in ([between] if number else []) + [*item]]


def _shown(text: str) -> str:
    return repr(text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + "…")
