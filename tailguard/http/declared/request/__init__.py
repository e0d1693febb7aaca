"""One request of a step, with its places filled."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, quote, urlsplit

import msgspec

from tailguard.http.declared.answer import Answer, check, expected_of, saved
from tailguard.http.declared.format import Expect, Step
from tailguard.http.declared.request.multipart import multipart_parts, read_body, type_of
from tailguard.http.declared.request.pattern import (
    Parts,
    Pattern,
    as_it_is,
    form_parts,
    in_header,
    in_line,
    in_path,
    json_parts,
    parts_of,
)
from tailguard.http.template import Value, Values, as_text, fill_text
from tailguard.record.part import Json


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
        user: who sends it.
        path: what is asked for, with its query; None of a link that an earlier step has saved.
        query: what stands behind the path.
        headers: by their names; among them the body's type.
    """

    step: Step
    user: Pattern
    expect: Expect
    path: Pattern | None
    query: Pattern
    headers: Mapping[str, Pattern]
    body: Pattern | None

    @classmethod
    def of(cls, step: Step, user: str, folder: Path) -> "RequestStep":
        """Return a step of the format.

        Raises UsageError for a file that cannot be read, UnsafeValueError for a path or header that cannot be sent.
        """
        body, kind = _body(step, folder)
        stated = {name: parts_of(text, in_header) for name, text in step.headers.items()}
        has_type = not kind or "content-type" in map(str.lower, stated)
        headers = stated if has_type else {"Content-Type": parts_of(kind, in_header), **stated}
        query = form_parts(step.query)
        path = None
        if step.path.startswith("/"):
            mark = [b"&" if "?" in step.path else b"?"] if query else []
            path = Pattern([*parts_of(step.path, in_path, in_line), *mark, *query])
        return cls(
            step,
            Pattern(parts_of(step.user or user, as_it_is)),
            expected_of(step),
            path,
            Pattern(query),
            {in_header(name).decode("latin-1"): Pattern(parts) for name, parts in headers.items()},
            None if body is None else Pattern(body),
        )

    def request(self, values: Values) -> Request:
        """Fill the places. Raises UsageError for one without a value, UnsafeValueError for one that cannot be sent."""
        path, elsewhere = self.address(values)
        return Request(
            asked=self.asked,
            method=self.step.method,
            path=path.decode("ascii"),
            body=None if self.body is None else self.body.fill(values),
            headers={name: pattern.fill(values).decode("latin-1") for name, pattern in self.headers.items()},
            user=self.user.fill(values).decode(),
            elsewhere=elsewhere,
        )

    def learn(self, answer: Answer, values: dict[str, Json]) -> None:
        """Check an answer, and save what later steps take from it. Raises WrongAnswerError, MissingValueError."""
        check(answer, self.expect, values)
        values.update(saved(answer, self.step.save))

    @property
    def asked(self) -> str:
        """The request's name in messages."""
        return f"{self.step.name} ({self.step.method} {self.step.path})"

    def address(self, values: Values) -> tuple[bytes, SplitResult | None]:
        """Return the path and, of a link that leads to another server, that. Raises as `request` does."""
        if self.path is not None:
            return self.path.fill(values), None
        link = urlsplit(fill_text(self.step.path, values))
        path = in_line(f"{link.path or '/'}{'?' if link.query else ''}{link.query}")
        if self.step.query:
            path += (b"&" if b"?" in path else b"?") + self.query.fill(values)
        return path, link if link.netloc else None


def _body(step: Step, folder: Path) -> tuple[Parts | None, str]:
    """Return the parts of a step's body, if it has one, and their media type."""
    if step.form:
        return form_parts(step.form), "application/x-www-form-urlencoded"
    if step.body is not msgspec.UNSET:
        return json_parts(step.body), "application/json"
    if isinstance(step.raw, str):
        return parts_of(step.raw, as_it_is), "text/plain; charset=utf-8"
    if step.multipart:
        boundary = uuid.uuid4().hex
        return multipart_parts(step.multipart, folder, boundary), f"multipart/form-data; boundary={boundary}"
    return ([read_body(folder / step.file)], type_of(step.file)) if step.file else (None, "")


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
