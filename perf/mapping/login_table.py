"""How users log in at a target: the table [target.login]."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import tailguard as tg
from perf.mapping.tables import Table, number_in, table_of, text_in, texts_in
from perf.mapping.template import Json

# Given to every kind: how long credentials are good for, less what a renewal takes. DeltaCrown's tokens last an hour.
RENEW, RENEW_AFTER_S = "renew_after_s", 50 * 60
BEARER = "Authorization: Bearer {token}"
_KEYS = {
    "token": ("kind", "path", "body", "token", "header"),
    "tokens": ("kind", "file", "header"),
    "jwt": ("kind", "secret", "claims", "lifetime_s", "header"),
    "session": ("kind", "page", "path", "form", "csrf_cookie", "csrf_header", "csrf_field"),
}
_NEEDED = {
    "token": ("path", "body"),
    "tokens": ("file",),
    "jwt": ("secret", "claims"),
    "session": ("path", "form"),
}


@dataclass(frozen=True, slots=True)
class Login:
    """Four ways: `token` asks for one, `tokens` reads them from a file, `jwt` signs them with the test system's secret,
    `session` takes a session's cookies and its CSRF token. Signed tokens last an hour if no `lifetime_s` is stated.
    """

    kind: str
    header: str
    renew_after_s: float
    path: str
    page: str
    body: Json = field(repr=False)
    token: str
    file: str
    secret: str = field(repr=False)
    claims: Mapping[str, Json]
    lifetime_s: int | None
    form: Mapping[str, str] = field(repr=False)
    csrf_cookie: str
    csrf_header: str
    csrf_field: str


def parse_login(table: Table, source: str) -> Login:
    """Return the log-in of a table. Raises UsageError for a kind, or a key of a kind, that there is not."""
    where = f"{source}: [target.login]"
    _check(table, where)
    path = text_in(table, "path")
    return Login(
        kind=text_in(table, "kind"),
        header=text_in(table, "header", BEARER),
        renew_after_s=number_in(table, RENEW, RENEW_AFTER_S, where),
        path=path,
        page=text_in(table, "page", path),
        body=table.get("body"),
        token=text_in(table, "token", "access"),
        file=text_in(table, "file"),
        secret=text_in(table, "secret"),
        claims=table_of(table.get("claims", {}), f"{where}: claims"),
        lifetime_s=int(number_in(table, "lifetime_s", 0, where)) or None,
        form=texts_in(table, "form", where),
        csrf_cookie=text_in(table, "csrf_cookie", "csrftoken"),
        csrf_header=text_in(table, "csrf_header", "X-CSRFToken"),
        csrf_field=text_in(table, "csrf_field", "csrfmiddlewaretoken"),
    )


def _check(table: Table, where: str) -> None:
    kind = table.get("kind")
    if kind not in _KEYS:
        raise tg.UsageError(f"{where}: kind is {kind!r}; write one of {', '.join(_KEYS)}")
    for key in table:
        if key not in (*_KEYS[kind], RENEW):
            raise tg.UsageError(f"{where}: {key!r} is unknown; a {kind} log-in has {', '.join(_KEYS[kind])}")
    for key in _NEEDED[kind]:
        if key not in table:
            raise tg.UsageError(f"{where} has no {key}, which a {kind} log-in needs")
