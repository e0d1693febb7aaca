"""The format of a file that declares a target and its scenarios: each table of it as a type.

A text may hold places: `{item.sku}` is a field of a row, `{cart}` a value that an earlier step saved, `${NAME}` a
variable of the environment.
"""

from typing import Annotated, Any, Literal, TypeAlias  # Any: whatever JSON knows

from msgspec import UNSET, Meta, Struct, UnsetType, field

from tailguard.record.part import Scalar

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
"""A method of HTTP, in capitals."""
Path = Annotated[str, Meta(pattern="^/")]
Status = Annotated[int, Meta(ge=100, le=599)]
"""A status of HTTP, 100 to 599."""
Name = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]*$")]
Seconds = Annotated[float, Meta(gt=0)]


class Table(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, repr_omit_defaults=True
):
    """A table of the file."""


class TokenLogin(Table, frozen=True, tag_field="kind", tag="token"):
    """Asks the service for a token: `token` is where its answer has it. Log-ins are renewed every so many seconds."""

    path: Path
    body: Any
    token: str = "access"  # noqa: S105  # the name of a field
    header: str = "Authorization: Bearer {token}"
    rows: Name | None = None
    renew_after_s: Seconds = 3000.0


class TokensLogin(Table, frozen=True, tag_field="kind", tag="tokens"):
    """Reads tokens from a file with one `id,token` per line."""

    file: str
    header: str = "Authorization: Bearer {token}"
    rows: Name | None = None
    renew_after_s: Seconds = 3000.0


class JwtLogin(Table, frozen=True, tag_field="kind", tag="jwt"):
    """Signs JSON web tokens with the secret of a test system (HS256); they last an hour if nothing else is stated."""

    secret: str
    claims: dict[str, Scalar]
    lifetime_s: Seconds | None = None
    header: str = "Authorization: Bearer {token}"
    rows: Name | None = None
    renew_after_s: Seconds = 3000.0


class SessionLogin(Table, frozen=True, tag_field="kind", tag="session"):
    """Sends a form with its CSRF token and keeps the cookies."""

    path: Path
    form: dict[str, str]
    page: str = ""
    csrf_cookie: str = "csrftoken"
    csrf_header: str = "X-CSRFToken"
    csrf_field: str = "csrfmiddlewaretoken"
    rows: Name | None = None
    renew_after_s: Seconds = 3000.0


Login: TypeAlias = TokenLogin | TokensLogin | JwtLogin | SessionLogin
"""`[target.login]`: how users log in, told apart by its `kind`."""


class TargetTable(Table, frozen=True):
    """[target]: where the service is, or the command that starts it."""

    url: str = ""
    command: str = ""
    ready: Path = "/"
    headers: dict[str, str] = {}
    verify_tls: bool = True
    ca_file: str = ""
    throttled: tuple[Status, ...] = (429,)
    login: Login | None = None


class RowsTable(Table, frozen=True):
    """[rows.NAME]: data, one row for each iteration, from a CSV or generated."""

    file: str = ""
    generate: dict[str, str] = {}
    use: Literal["once", "cycle", "random"] = "once"


class Expect(Table, frozen=True):
    """What a good answer is: its status, values at paths of its JSON, a pattern that its text has."""

    status: tuple[Status, ...] = ()
    json: dict[str, Scalar] = {}
    text: str = ""


class FilePart(Table, frozen=True):
    """A file as a part of a body; its ending says its `type` if nothing else does."""

    file: Annotated[str, Meta(min_length=1)]
    type: str = ""


class Step(Table, frozen=True):
    """[[scenario.NAME.steps]]: a request, or something on the WebSocket of the iteration."""

    name: str
    when: str = ""
    user: str = ""
    method: Method = "GET"
    path: Annotated[str, Meta(pattern="^(/|\\{[a-z_0-9.A-Z]+\\}$|$)")] = ""
    query: dict[str, Scalar] = {}
    headers: dict[str, str] = {}
    body: Any = UNSET
    form: dict[str, str] = {}
    multipart: dict[str, str | FilePart] = {}
    raw: str | UnsetType = UNSET
    file: str = ""
    expect: tuple[Status, ...] | Expect = ()
    refusals: dict[str, str] = {}
    together: Annotated[int, Meta(ge=1, le=16)] = 1
    save: dict[Name, str] = {}
    broadcast: str = ""
    connect: Annotated[str, Meta(pattern="^(/|$)")] = ""
    send: Any = UNSET
    await_: dict[str, Scalar] = field(default={}, name="await")
    within_s: Seconds = 10.0


class Audience(Table, frozen=True):
    """[scenario.NAME.audience]: subscribers that each broadcast must reach.

    `ready_type` is the `type` of the frame that says that a subscriber is in the room, `event_type` that of the event;
    `key_path` is where the event has the key that the step names in `broadcast`.
    """

    path: Path
    event_type: str
    key_path: str
    ready_type: str
    subscribers: Annotated[int, Meta(ge=1, le=10_000)] = 50
    origin: str = ""
    headers: dict[str, str] = {}


class Query(Table, frozen=True):
    """One of [scenario.NAME.invariants]: the value that a query must find in the service's PostgreSQL."""

    sql: Annotated[str, Meta(min_length=1)]
    expected: Scalar = 0


class ScenarioTable(Table, frozen=True):
    """[scenario.NAME]: its load, its steps, its limits, which the configuration reads as those of any scenario."""

    steps: Annotated[tuple[Step, ...], Meta(min_length=1)]
    title: str = ""
    rate: str = ""
    users: Annotated[int, Meta(ge=0)] = 0
    user: str = ""
    audience: Audience | None = None
    invariants: dict[str, Query] = {}
    slo: dict[str, str] = {}


class MixTable(Table, frozen=True):
    """[mix.NAME]: scenarios that are played at once, each with its share of one rate."""

    rate: str
    weights: dict[Name, Annotated[float, Meta(gt=0)]]


class TargetFile(Table, frozen=True):
    """The whole file. `source` and `folder` are its place."""

    target: TargetTable = TargetTable()
    rows: dict[Name, RowsTable] = {}
    scenario: dict[Name, ScenarioTable] = {}
    mix: dict[Name, MixTable] = {}
