"""In which fields two answers to one request differ."""

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from tailguard.base.secrets import MASK, is_secret, mask
from tailguard.record.part import Json

STATUS, CONTENT_TYPE, BODY = "status", "content type", "body"
ABSENT = "absent"
# Of larger bodies it is only told that they differ: nobody waits for them to be read field by field.
_MOST_READ = 256 << 10
# A field of an answer that has more differing ones is not told apart from the others.
_MOST_FIELDS = 50
_MOST_SHOWN = 80  # letters of a value


@dataclass(frozen=True, slots=True)
class Reading:
    """An answer as it is compared. `encoding` is that of the body, as its header says it."""

    status: int
    content_type: str
    encoding: str
    body: bytes


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """A field, and what both answers hold there: short, without a secret."""

    field: str
    primary: str
    candidate: str


def differing(primary: Reading, candidate: Reading) -> list[FieldDifference]:
    """Return each field in which the answers differ, once, elements of a list taken together as `[]`."""
    found: dict[str, FieldDifference] = {}
    for each in _differing(primary, candidate):
        found.setdefault(each.field, each)
        if len(found) == _MOST_FIELDS:
            break
    return [*found.values()]


def _differing(a: Reading, b: Reading) -> Iterator[FieldDifference]:
    if a.status != b.status:
        yield FieldDifference(STATUS, str(a.status), str(b.status))
    if a.content_type != b.content_type:
        yield FieldDifference(CONTENT_TYPE, _short(a.content_type), _short(b.content_type))
    bodies = [_plain(each) for each in (a, b)]
    if bodies[0] == bodies[1]:
        return
    try:
        values = [_json(body) for body in bodies]
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        yield FieldDifference(BODY, *(_size(body) for body in bodies))
    else:
        yield from _within(values[0], values[1], "")


def _within(a: Json, b: Json, path: str) -> Iterator[FieldDifference]:
    """Only what differs is entered. An integer is not the float or the truth that Python takes it for."""
    if type(a) is type(b) and a == b and not isinstance(a, dict | list):
        return
    if isinstance(a, dict) and isinstance(b, dict):
        for name in dict.fromkeys([*a, *b]):
            below = f"{path}.{name}" if path else name
            if name in a and name in b:
                yield from _within(a[name], b[name], below)
            else:
                yield FieldDifference(
                    below, *(_shown(name, each[name]) if name in each else ABSENT for each in (a, b))
                )
    elif isinstance(a, list) and isinstance(b, list):
        if len(a) != len(b):
            yield FieldDifference(f"{path}[] length", str(len(a)), str(len(b)))
        for one, other in zip(a, b, strict=False):
            yield from _within(one, other, f"{path}[]")
    else:
        name = path.rpartition(".")[2]
        yield FieldDifference(path or BODY, _shown(name, a), _shown(name, b))


def _json(body: bytes) -> Json:
    if len(body) > _MOST_READ:
        raise msgspec.DecodeError
    value: Json = msgspec.json.decode(body)
    return value


def _plain(answer: Reading) -> bytes:
    """The body as it was before it was compressed; as it is if we do not know how, or it holds more than we read."""
    try:
        if answer.encoding == "gzip":
            return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(answer.body, _MOST_READ + 1)
        if answer.encoding == "deflate":
            return zlib.decompressobj().decompress(answer.body, _MOST_READ + 1)
    except zlib.error:
        pass
    return answer.body


def _size(body: bytes) -> str:
    return f"{len(body):,} bytes" if body else "empty"


def _shown(name: str, value: Json) -> str:
    if is_secret(name) and value not in (None, ""):
        return MASK
    return _short(json.dumps(value, ensure_ascii=False))


def _short(text: str) -> str:
    """Masked before it is cut: half a secret is one."""
    shown = mask(text[:_MOST_READ])
    return shown if len(shown) <= _MOST_SHOWN else shown[: _MOST_SHOWN - 3] + "..."
