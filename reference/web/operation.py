"""One HTTP operation: what it takes, what it answers, and the plain function behind it.

The schemas are written once: requests are validated against them and the OpenAPI document shows them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from reference.platform import DeltaCrown

Schema = dict[str, Any]  # JSON Schema 2020-12, which is what OpenAPI 3.1 uses
Audience = Literal["public", "user", "staff"]
Scope = Literal["anon", "user", "registration_write"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose token it is."""

    user_id: int
    is_staff: bool


@dataclass(frozen=True, slots=True)
class Call:
    """A request as an operation sees it: authenticated, parsed and validated."""

    caller: Caller | None
    path: Mapping[str, Any]
    query: Mapping[str, Any]
    headers: Mapping[str, str]
    body: Any = None  # parsed JSON, or bytes where the operation takes a file

    @property
    def user(self) -> Caller:
        """The caller of an operation that is not public."""
        assert self.caller is not None
        return self.caller


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back: an object that becomes JSON, or bytes with their content type among the headers."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operation:
    """A route: `answer` runs on a worker thread."""

    method: str
    path: str  # Starlette's form, e.g. /api/matches/{match_id:int}/
    summary: str
    answer: Callable[[DeltaCrown, Call], Reply]
    success: tuple[int, Schema]
    refusals: Mapping[int, str] = field(default_factory=dict)  # status -> when
    also: Mapping[int, str] = field(default_factory=dict)  # further statuses with success's body -> when
    body: Schema | None = None
    query: Mapping[str, Schema] = field(default_factory=dict)
    request_headers: Mapping[str, Schema] = field(default_factory=dict)
    audience: Audience = "user"
    scope: Scope | None = "user"
    takes_file: str | None = None  # the body's content type, where it is not JSON
    gives_file: str | None = None  # the answer's content type, where it is not JSON
    addition: bool = False  # true where the real platform has no such route


def object_of(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    """JSON Schema of an object; unknown members are allowed, as in the contract."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
    }
