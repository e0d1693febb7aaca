"""Logging in at a platform of yours, before the clock starts: a log-in costs it as much as ten steps.

Secrets come from the environment only.
"""

import http.client
import logging
import time
import urllib.parse
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from threading import Event, Thread
from urllib.parse import urlsplit

import jwt
import msgspec

import tailguard as tg
from perf.mapping.login_table import Login, parse_login
from perf.mapping.tables import table_of
from perf.mapping.target import TargetMapping
from perf.mapping.template import Json, Row, Values, fill, fill_text, fill_texts, with_environment
from tailguard.http import Answered, Exchange, HttpConnections
from tailguard.kit import read_text

log = logging.getLogger(__name__)

# At once: password checks are CPU of the target, and more would only queue there.
CLIENTS = 4
LIFETIME_S = 60 * 60
# A hundred thousand tokens of 2 kB each.
_MOST_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Credential:
    """What a user's requests carry: headers, and the token by itself for a WebSocket's address."""

    headers: dict[str, str] = field(repr=False)
    token: str = field(default="", repr=False)


class LoginError(tg.TailguardError):
    """The target did not let us in."""

    exit_code = 64


def login_of(mapping: TargetMapping) -> Login | None:
    """Return the log-in with its secrets, None if none is described. Raises UsageError for one that cannot be."""
    if not mapping.login:
        return None
    where = f"{mapping.source}: [target.login]"
    return parse_login(table_of(with_environment(mapping.login, where), where), mapping.source)


def log_in(mapping: TargetMapping, login: Login, host: str, users: Sequence[Row]) -> list[Credential]:
    """Return the credentials of these users, in their order; all are had now.

    Raises LoginError with the user, the status and what to do, UsageError for a file that cannot be read.
    """
    connections = HttpConnections(mapping.tls.context())
    one = _ways(_Door(mapping, login, host, connections))[login.kind]
    try:
        with ThreadPoolExecutor(CLIENTS) as clients:
            return list(clients.map(one, users))
    finally:
        connections.close()


@contextmanager
def renewed(renew: Callable[[], None], every_s: float) -> Iterator[None]:
    """Call `renew` every so many seconds while the `with` lasts. A log-in that fails is tried again the next time."""
    ended = Event()

    def keep_renewing() -> None:
        while not ended.wait(every_s):
            try:
                renew()
            except tg.TailguardError as error:
                log.warning("The users keep their old credentials: %s", error)

    thread = Thread(target=keep_renewing, name="log-in", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@dataclass(frozen=True, slots=True)
class _Door:
    """Where to log in, and how."""

    mapping: TargetMapping
    login: Login
    host: str
    connections: Exchange

    def send(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        sent = {**self.mapping.headers, **headers}
        return self.connections.exchange(urlsplit(self.host), method, path, body, sent)


def _ways(door: _Door) -> dict[str, Callable[[Row], Credential]]:
    login = door.login
    tokens = _read_tokens(Path(door.mapping.folder, login.file)) if login.kind == "tokens" else {}

    def of_file(user: Row) -> Credential:
        if str(user["id"]) not in tokens:
            raise LoginError(f"{login.file} has no token of user {user['id']}")
        return _bearing(login, tokens[str(user["id"])])

    return {
        "token": lambda user: _bearing(login, _ask_token(door, user)),
        "tokens": of_file,
        "jwt": lambda user: _bearing(login, _sign(login, user)),
        "session": lambda user: _session(door, user),
    }


def _bearing(login: Login, token: str) -> Credential:
    name, _, value = fill_text(login.header, {"token": token}).partition(":")
    return Credential({name.strip(): value.strip()}, token)


def _ask_token(door: _Door, user: Row) -> str:
    login, body = door.login, msgspec.json.encode(fill(door.login.body, {"user": user}))
    status, answered, content = door.send("POST", login.path, body, {"Content-Type": "application/json"})
    if status in door.mapping.throttled:
        raise LoginError(
            f"the target throttles log-ins: {login.path} answered {status}, Retry-After "
            f"{answered.get('Retry-After', '?')} s. Lift its rate (THROTTLE_ANON_RATE on DeltaCrown), or give tokens "
            'with kind = "tokens" or "jwt".'
        )
    told = Answered(f"{login.path} of user {user['id']}", status, answered, content)
    if status >= http.client.MULTIPLE_CHOICES:
        raise LoginError(f"{told}. Check [target.login] and its pool.")
    try:
        answer = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
        return msgspec.json.decode(answer[login.token], type=str)
    except (msgspec.DecodeError, KeyError) as error:
        raise LoginError(f"{login.path} did not answer with JSON that holds a token") from error


def _sign(login: Login, user: Row) -> str:
    now = int(time.time())
    values: Values = {"user": user, "uuid": uuid.uuid4().hex}
    claims: dict[str, Json] = {name: fill(claim, values) for name, claim in login.claims.items()}
    return jwt.encode(
        claims | {"iat": now, "exp": now + (login.lifetime_s or LIFETIME_S)}, login.secret, algorithm="HS256"
    )


def _session(door: _Door, user: Row) -> Credential:
    """Open the page for its CSRF cookie, send the form, keep the cookies."""
    login, cookies = door.login, SimpleCookie()
    _, answered, _ = door.send("GET", login.page, None, {})
    _keep(cookies, answered)
    form = fill_texts(login.form, {"user": user}) | {login.csrf_field: _value(cookies, login.csrf_cookie)}
    headers = {
        **_cookie(cookies),
        "Content-Type": "application/x-www-form-urlencoded",
        "Referer": door.host + login.page,
    }
    status, answered, content = door.send("POST", login.path, urllib.parse.urlencode(form).encode(), headers)
    before = len(cookies)
    _keep(cookies, answered)
    if status >= http.client.BAD_REQUEST or len(cookies) <= before:
        told = Answered(f"{login.path} of user {user['id']}", status, answered, content)
        raise LoginError(f"{told}. It gave no session: check [target.login] and its pool.")
    guard = {login.csrf_header: _value(cookies, login.csrf_cookie), "Referer": door.host}
    return Credential(_cookie(cookies) | guard)


def _keep(cookies: "SimpleCookie", answered: http.client.HTTPMessage) -> None:
    for line in answered.get_all("Set-Cookie") or ():
        cookies.load(line)


def _value(cookies: "SimpleCookie", name: str) -> str:
    return cookies[name].value if name in cookies else ""


def _cookie(cookies: "SimpleCookie") -> dict[str, str]:
    return {"Cookie": "; ".join(f"{name}={morsel.value}" for name, morsel in cookies.items())}


def _read_tokens(path: Path) -> dict[str, str]:
    """Return user id -> token of a file with one `id,token` a line."""
    pairs = [line.partition(",") for line in read_text(path, _MOST_BYTES).splitlines() if line.strip()]
    return {user.strip(): token.strip() for user, _, token in pairs}
