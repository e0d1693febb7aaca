"""Logging in at a platform of yours, before the clock starts: a log-in costs it as much as ten steps.

Four ways, [target.login] kind: `token` asks for one, `tokens` reads them from a file, `jwt` signs them with the test
system's secret, `session` takes a session's cookies and its CSRF token. Secrets come from the environment only.
"""

import json
import time
import urllib.parse
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jwt

from perf.mapping.pools import Pool, Row, read_pools
from perf.mapping.target import Target, tls_of
from perf.mapping.template import fill, look_up, with_environment
from tailguard.base.errors import TailguardError, UsageError
from tailguard.http.connections import Exchange, HttpConnections
from tailguard.http.remote_target import Credential

# At once: password checks are CPU of the target, and more would only queue there.
CLIENTS = 4
KEYS = {
    "token": ("kind", "path", "body", "token", "header"),
    "tokens": ("kind", "file", "header"),
    "jwt": ("kind", "secret", "claims", "lifetime_s", "header"),
    "session": ("kind", "page", "path", "form", "csrf_cookie", "csrf_header", "csrf_field"),
}
# Given to every kind: how long credentials are good for, less what a renewal takes. DeltaCrown's tokens last an hour.
RENEW, RENEW_AFTER_S = "renew_after_s", 50 * 60
BEARER = "Authorization: Bearer {token}"


class LoginError(TailguardError):
    """The target did not let us in."""

    exit_code = 64


def log_in(target: Target, host: str) -> list[Credential]:
    """Return the credentials of every user of the pool, in the order of its rows; all are had now.

    Raises LoginError with the user, the status and what to do, UsageError for a log-in that cannot be.
    """
    login = with_environment(target.login, f"{target.source}: [target.login]")
    if not login:
        return []
    _check(login, target.source)
    users = read_pools(target.pools, target.folder, target.source).get(
        "users", Pool("users", [{"id": 1}], once=False)
    )
    connections = HttpConnections(tls_of(target))
    one = _ways(target, login, host, connections)[login["kind"]]
    try:
        with ThreadPoolExecutor(CLIENTS) as clients:
            return list(clients.map(one, users.rows))
    finally:
        connections.close()


def _ways(
    target: Target, login: Mapping[str, Any], host: str, connections: Exchange
) -> dict[str, Callable[[Row], Credential]]:
    tokens = _read_tokens(target.folder / login["file"]) if login["kind"] == "tokens" else {}

    def of_file(user: Row) -> Credential:
        if str(user["id"]) not in tokens:
            raise LoginError(f"{login['file']} has no token of user {user['id']}")
        return _bearing(login, tokens[str(user["id"])])

    return {
        "token": lambda user: _bearing(login, _ask_token(login, user, host, connections, target)),
        "tokens": of_file,
        "jwt": lambda user: _bearing(login, _sign(login, user)),
        "session": lambda user: _session(login, user, host, connections, target),
    }


def _check(login: Mapping[str, Any], source: str) -> None:
    where = f"{source}: [target.login]"
    if login.get("kind") not in KEYS:
        raise UsageError(f"{where}: kind is {login.get('kind')!r}; write one of {', '.join(KEYS)}")
    known = KEYS[login["kind"]]
    for key in login:
        if key not in (*known, RENEW):
            raise UsageError(f"{where}: {key!r} is unknown; a {login['kind']} log-in has {', '.join(known)}")
    needed = {
        "token": ("path", "body"),
        "tokens": ("file",),
        "jwt": ("secret", "claims"),
        "session": ("path", "form"),
    }
    for key in needed[login["kind"]]:
        if key not in login:
            raise UsageError(f"{where} has no {key}, which a {login['kind']} log-in needs")


def _bearing(login: Mapping[str, Any], token: str) -> Credential:
    name, _, value = fill(login.get("header", BEARER), {"token": token}).partition(":")
    return Credential(headers={name.strip(): value.strip()}, token=token)


def _ask_token(login: Mapping[str, Any], user: Row, host: str, connections: Exchange, target: Target) -> str:
    body = json.dumps(fill(login["body"], {"user": user})).encode()
    headers = {**target.headers, "Content-Type": "application/json"}
    status, answered, content = connections.exchange(urlsplit(host), "POST", login["path"], body, headers)
    if status in target.throttled:
        raise LoginError(
            f"the target throttles log-ins: {login['path']} answered {status}, Retry-After "
            f"{answered.get('Retry-After', '?')} s. Lift its rate (THROTTLE_ANON_RATE on DeltaCrown), or give tokens "
            'with kind = "tokens" or "jwt".'
        )
    if status >= 400:  # noqa: PLR2004  # HTTP's errors begin here
        raise LoginError(
            f"{login['path']} answered {status} to user {user['id']}: check [target.login] and its pool"
        )
    try:
        return str(look_up("answer." + login.get("token", "access"), {"answer": json.loads(content)}))
    except ValueError as error:
        raise LoginError(f"{login['path']} did not answer with JSON that holds a token") from error


def _sign(login: Mapping[str, Any], user: Row) -> str:
    now = int(time.time())
    values = {"user": user, "uuid": uuid.uuid4().hex}
    claims = fill(login["claims"], values) | {"iat": now, "exp": now + login.get("lifetime_s", 3600)}
    return jwt.encode(claims, login["secret"], algorithm="HS256")


def _session(
    login: Mapping[str, Any], user: Row, host: str, connections: Exchange, target: Target
) -> Credential:
    """Open the page for its CSRF cookie, send the form, keep the cookies."""
    base, cookies = urlsplit(host), SimpleCookie()
    page = login.get("page", login["path"])
    _, answered, _ = connections.exchange(base, "GET", page, None, dict(target.headers))
    _keep(cookies, answered)
    csrf = _value(cookies, login.get("csrf_cookie", "csrftoken"))
    form = fill(login["form"], {"user": user}) | {login.get("csrf_field", "csrfmiddlewaretoken"): csrf}
    headers = {
        **target.headers,
        **_cookie(cookies),
        "Content-Type": "application/x-www-form-urlencoded",
        "Referer": host + page,
    }
    body = urllib.parse.urlencode(form).encode()
    status, answered, _ = connections.exchange(base, "POST", login["path"], body, headers)
    before = len(cookies)
    _keep(cookies, answered)
    if status >= 400 or len(cookies) <= before:  # noqa: PLR2004  # HTTP's errors begin here
        raise LoginError(f"{login['path']} answered {status} to user {user['id']} and gave no session")
    csrf = _value(cookies, login.get("csrf_cookie", "csrftoken"))
    return Credential(
        headers=_cookie(cookies) | {login.get("csrf_header", "X-CSRFToken"): csrf, "Referer": host}, token=""
    )


def _keep(cookies: "SimpleCookie", answered: Any) -> None:
    for line in answered.get_all("Set-Cookie") or ():
        cookies.load(line)


def _value(cookies: "SimpleCookie", name: str) -> str:
    return cookies[name].value if name in cookies else ""


def _cookie(cookies: "SimpleCookie") -> dict[str, str]:
    return {"Cookie": "; ".join(f"{name}={morsel.value}" for name, morsel in cookies.items())}


def _read_tokens(path: Path) -> dict[str, str]:
    """Return user id -> token of a file with one `id,token` a line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UsageError(f"cannot read the tokens in {path}: {error.strerror}") from error
    pairs = [line.partition(",") for line in lines if line.strip()]
    return {user.strip(): token.strip() for user, _, token in pairs}
