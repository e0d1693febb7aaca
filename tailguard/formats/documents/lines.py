"""JSON: one document, or one on each line."""

import json
from dataclasses import dataclass, field

import msgspec

from tailguard.base.errors import UsageError
from tailguard.record.part import Json


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
    """Python writes NaN and Infinity, which JSON does not have: they are told with their row."""
    try:
        whole: Json = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"not JSON: {error}") from None
    return whole


def _lines(content: bytes, *, skip_bad_rows: bool) -> Document:
    rows: list[Json] = []
    skipped: list[str] = []
    notes: list[str] = []
    lines = content.splitlines()
    decoder = msgspec.json.Decoder()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            rows.append(decoder.decode(line))
        except (msgspec.DecodeError, RecursionError) as error:
            if not rows and not skipped:
                raise _not_lines(content, error) from None
            if number == len(lines) and not content.endswith(b"\n"):
                notes.append("the last line is cut off: what comes before is judged")
                continue
            wrong = f"row {number} is not JSON: {error}"
            if not skip_bad_rows:
                raise UsageError(f"{wrong}; mend it, or leave it out with --skip-bad-rows") from None
            skipped.append(wrong)
    return Document(tuple(rows), whole=False, notes=tuple(notes), skipped=tuple(skipped))


def _not_lines(content: bytes, error: Exception) -> UsageError:
    first = content.lstrip().splitlines()[0].strip()
    if first == b"{" and b"}\n{" in content.replace(b"\r", b""):
        return UsageError(
            "its JSON is spread over lines; put each document on one: `jq -c . FILE > lines.json`"
        )
    return UsageError(f"not JSON: {error}")
