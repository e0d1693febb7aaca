"""JSON: one document, or one on each line."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from tailguard.base.errors import UsageError
from tailguard.record.part import Json

_Line = TypeVar("_Line")


@dataclass(frozen=True, slots=True)
class Document:
    """What a file of JSON holds: its only document, or the documents of its lines."""

    rows: tuple[Json, ...] = field(repr=False)
    whole: bool
    notes: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    @property
    def first(self) -> dict[str, Json]:
        """The first document if it is an object, else an empty one."""
        return self.rows[0] if self.rows and isinstance(self.rows[0], dict) else {}

    def has(self, *keys: str) -> bool:
        """Whether the first document is an object with all these keys."""
        return set(keys) <= self.first.keys()


def parse_json(content: bytes, *, skip_bad_rows: bool) -> Document:
    """Read one document, or one on each line. Raises UsageError with the line that is not JSON."""
    try:
        whole = msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError) as error:
        if content.lstrip()[:1] == b"[":
            whole = _with_nan(content)
        elif isinstance(error, RecursionError):
            raise UsageError("not JSON that can be read: it is nested too deeply") from None
        else:
            return _lines(content, skip_bad_rows=skip_bad_rows)
    if isinstance(whole, list):
        return Document(tuple(whole), whole=False)
    return Document((whole,), whole=True)


def _with_nan(content: bytes) -> Json:
    """Python writes NaN and Infinity, which JSON does not have: the error names their row."""
    try:
        whole: Json = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"not JSON: {error}") from None
    return whole


@dataclass(slots=True)
class Heard:
    """Notes about lines, collected while they are read."""

    skipped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def decoded_lines(
    content: bytes, decoder: msgspec.json.Decoder[_Line], heard: Heard, *, skip_bad_rows: bool
) -> Iterator[_Line]:
    """Yield the document of each line; the last one may be cut off. Raises UsageError with the line that is none."""
    begun = False
    for number, line in enumerate(io.BytesIO(content), 1):
        if not line.strip():
            continue
        try:
            yield decoder.decode(line)
            begun = True
        except (msgspec.DecodeError, RecursionError) as error:
            if not begun and not heard.skipped:
                raise _not_lines(content, error) from None
            if not line.endswith(b"\n"):
                heard.notes.append("the last line is cut off: what comes before is judged")
                continue
            wrong = f"row {number} is not JSON that fits: {error}"
            if not skip_bad_rows:
                raise UsageError(f"{wrong}; mend it, or leave it out with --skip-bad-rows") from None
            heard.skipped.append(wrong)


def _lines(content: bytes, *, skip_bad_rows: bool) -> Document:
    heard = Heard()
    decoder: msgspec.json.Decoder[Json] = msgspec.json.Decoder()
    rows = tuple(decoded_lines(content, decoder, heard, skip_bad_rows=skip_bad_rows))
    return Document(rows, whole=False, notes=tuple(heard.notes), skipped=tuple(heard.skipped))


def _not_lines(content: bytes, error: Exception) -> UsageError:
    first = content.lstrip().splitlines()[0].strip()
    if first == b"{" and b"}\n{" in content.replace(b"\r", b""):
        return UsageError(
            "its JSON is spread over lines; put each document on one: `jq -c . FILE > lines.json`"
        )
    return UsageError(f"not JSON: {error}")
