"""One request of a step, with its places filled."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, quote, urlencode, urlsplit

import msgspec

from tailguard.base.reading.regular_file import read_bounded
from tailguard.http.declared.answer import expected_of
from tailguard.http.declared.format import Expect, FilePart, Step
from tailguard.http.declared.request.multipart import encoded, type_of
from tailguard.http.template import Value, Values, as_text, fill, fill_text, fill_texts
from tailguard.record.part import Json

MOST_BODY_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Request:
    """A request that is ready to be sent by a user whose id is `user`, "" for nobody in particular.

    `elsewhere` is another server than the target, None for the target.
    """

    asked: str
    method: str
    path: str
    body: bytes | None
    headers: dict[str, str]
    user: str
    elsewhere: SplitResult | None = None


@dataclass(frozen=True, slots=True)
class RequestStep:
    """A step that sends a request.

    Attributes:
        user: the template of who sends it.
        files: what the files that it names hold.
        boundary: what stands between the parts of its body.
    """

    step: Step
    user: str
    expect: Expect
    files: Mapping[str, bytes]
    boundary: str

    @classmethod
    def of(cls, step: Step, user: str, folder: Path) -> "RequestStep":
        """Return a step of the format. Raises UsageError for a file that cannot be read."""
        parts = [part.file for part in step.multipart.values() if isinstance(part, FilePart)]
        names = filter(None, [step.file, *parts])
        files = {name: read_bounded(folder / name, MOST_BODY_BYTES) for name in names}
        return cls(step, step.user or user, expected_of(step), files, uuid.uuid4().hex)

    def request(self, values: Values) -> Request:
        """Fill the places. Raises UsageError for one that has no value."""
        step = self.step
        body, kind = self._body(values)
        headers = {"Content-Type": kind} if kind else {}
        path, elsewhere = self._address(values)
        if step.query:
            filled = {name: as_text(fill(value, values)) for name, value in step.query.items()}
            path += f"{'&' if '?' in path else '?'}{urlencode(filled)}"
        return Request(
            asked=f"{step.name} ({step.method} {step.path})",
            method=step.method,
            path=path,
            body=body,
            headers=headers | fill_texts(step.headers, values),
            user=fill_text(self.user, values),
            elsewhere=elsewhere,
        )

    def _address(self, values: Values) -> tuple[str, SplitResult | None]:
        """Return the path and, of a link that leads to another server, that."""
        if self.step.path.startswith("/"):
            return fill_text(self.step.path, {name: quoted(value) for name, value in values.items()}), None
        link = urlsplit(fill_text(self.step.path, values))
        path = f"{link.path or '/'}{'?' if link.query else ''}{link.query}"
        return path, link if link.netloc else None

    def _body(self, values: Values) -> tuple[bytes | None, str]:
        step = self.step
        if step.form:
            return urlencode(fill_texts(step.form, values)).encode(), "application/x-www-form-urlencoded"
        if step.body is not msgspec.UNSET:
            return msgspec.json.encode(fill(step.body, values)), "application/json"
        if isinstance(step.raw, str):
            return fill_text(step.raw, values).encode(), "text/plain; charset=utf-8"
        if step.multipart:
            body = encoded(step.multipart, values, self.files, self.boundary)
            return body, f"multipart/form-data; boundary={self.boundary}"
        return (self.files[step.file], type_of(step.file)) if step.file else (None, "")


def bodies_of(step: Step) -> list[str]:
    """Return the names of the keys that state a body; more than one is a mistake."""
    given = {
        "body": step.body is not msgspec.UNSET,
        "form": bool(step.form),
        "multipart": bool(step.multipart),
        "raw": step.raw is not msgspec.UNSET,
        "file": bool(step.file),
    }
    return [name for name, is_given in given.items() if is_given]


def quoted(value: Value) -> Json:
    """Return a value as one part of a path may hold it."""
    if isinstance(value, Mapping):
        return {name: quoted(item) for name, item in value.items()}
    return quote(as_text(value), safe="")
