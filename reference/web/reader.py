"""What a client sent, parsed and checked against its operation's JSON Schema."""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from reference.errors import Invalid
from reference.web.operation import Operation, object_of
from reference.web.refusal import refused_by_http

LONGEST_INTEGER = 100  # digits: no field takes so many, and Python reads 4,300 at most


class Reader:
    """Reads the requests of one operation. Each method raises PlatformError where the request is wrong."""

    def __init__(self, operation: Operation) -> None:
        self._operation = operation
        self._takes = operation.takes_file or ("application/json" if operation.body else None)
        self._body = Draft202012Validator(operation.body or {})
        self._query = Draft202012Validator(object_of({}, operation.query))

    def body(self, raw: bytes, content_type: str) -> Any:
        """Parsed JSON, a file's bytes, or None where the operation takes no body."""
        if self._takes is None:
            return None
        media_type = content_type.partition(";")[0].strip().lower()
        if media_type != self._takes:
            raise refused_by_http(
                415, f"Content-Type {media_type or '(none)'} is not taken here: send {self._takes}"
            )
        if self._operation.takes_file:
            return raw
        body = parse_json(raw)
        check(body, self._body)
        return body

    def query(self, sent: Mapping[str, str]) -> dict[str, Any]:
        """The operation's query parameters, integers as such; others are ignored."""
        known = self._operation.query
        query = {name: _typed(sent[name], known[name].get("type")) for name in known if name in sent}
        check(query, self._query)
        return query


def parse_json(raw: bytes) -> Any:
    """JSON of a request, strictly: UTF-8, no NaN. A number such as 3.0 is the integer 3, as JSON Schema has it."""
    try:
        return json.loads(raw.decode("utf-8"), parse_float=_number, parse_constant=_not_json)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"the body is not JSON: {error}") from None


def check(value: Any, validator: Draft202012Validator) -> None:
    """Raise Invalid with all that is wrong, by member, as its details."""
    wrong: dict[str, list[str]] = {}
    for error in validator.iter_errors(value):
        wrong.setdefault(_member(error), []).append(error.message)
    if wrong:
        first = next(iter(wrong))
        raise Invalid(f"{first}: {wrong[first][0]}", details=wrong)


def _member(error: ValidationError) -> str:
    if error.validator == "required":
        # jsonschema raises one error a missing member and names it, quoted, at the message's start
        return str(error.message).split("'")[1]
    return ".".join(str(part) for part in error.absolute_path) or "body"


def _typed(text: str, kind: str | None) -> int | str:
    a_number = len(text) < LONGEST_INTEGER and text.removeprefix("-").isdecimal()
    return int(text) if kind == "integer" and a_number else text


def _number(text: str) -> int | float:
    number = float(text)
    return int(number) if number.is_integer() else number


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")
