"""Logging in before the clock starts: a log-in costs a service as much as ten steps.

Secrets come from the environment only.
"""

import base64
import hashlib
import hmac
import http.client
import logging
import time
import urllib.parse
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from threading import Event, Thread
from urllib.parse import urlsplit

import msgspec

from tailguard.base.answered import Answered
from tailguard.base.errors import TailguardError
from tailguard.base.reading.regular_file import read_text
from tailguard.base.secrets import keep_secret
from tailguard.http.connections import Exchange
from tailguard.http.declared.format import JwtLogin, Login, SessionLogin, TargetTable, TokenLogin, TokensLogin
from tailguard.http.template import fill, fill_text, fill_texts, with_environment
from tailguard.record.part import Json
from tailguard.websocket.audience import at_path

log = logging.getLogger(__name__)

# At once: password checks are CPU of the target, and more would only queue there.
CLIENTS = 4
LIFETIME_S = 60 * 60
# A hundred thousand tokens of 2 kB each.
_MOST_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Credential:
    """What a user's requests carry: headers, and the token by itself."""

    headers: dict[str, str] = field(repr=False)
    token: str = field(default="", repr=False)


NOBODY = Credential({})


class LoginError(TailguardError):
    """The target did not let us in."""

    exit_code = 64


@dataclass(frozen=True, slots=True)
class Door:
    """Where to log in, and how, secrets filled in; `where` names the table for messages."""

    target: TargetTable
    login: Login
    url: str
    folder: Path
    where: str

    def log_in(self, users: Sequence[Mapping[str, Json]], connections: Exchange) -> list[Credential]:
        """Return the credentials of these users, in their order; all are had now.

        Raises LoginError with the user, the status and what to do, UsageError for a file that cannot be read.
        """
        one = self._way(self.login, connections)
        with ThreadPoolExecutor(CLIENTS) as clients:
            found = list(clients.map(one, users))
        keep_secret(*(each.token for each in found[:_KEPT]))
        return found

    def _way(self, login: Login, connections: Exchange) -> Callable[[Mapping[str, Json]], Credential]:
        match login:
            case TokenLogin():
                return lambda user: _bearing(login.header, self._ask_token(login, connections, user))
            case TokensLogin():
                tokens = _read_tokens(self.folder / login.file)
                return lambda user: _bearing(login.header, _token_in(tokens, login.file, user))
            case JwtLogin():
                return lambda user: _bearing(login.header, sign(login, user))
            case SessionLogin():
                return lambda user: self._session(login, connections, user)

    def _ask_token(self, login: TokenLogin, connections: Exchange, user: Mapping[str, Json]) -> str:
        body = msgspec.json.encode(fill(login.body, {"user": dict(user)}))
        status, answered, content = self._send(
            connections, "POST", login.path, body, {"Content-Type": "application/json"}
        )
        told = Answered(f"{login.path} of user {_named(user)}", status, answered, content)
        if status in self.target.throttled:
            raise LoginError(
                f"{told}: the target throttles log-ins, Retry-After {answered.get('Retry-After', '?')} s. Lift its "
                'rate, or give tokens with kind = "tokens" or "jwt".'
            )
        if status >= http.client.MULTIPLE_CHOICES:
            raise LoginError(f"{told}. Check {self.where} and its rows.")
        try:
            token = at_path(msgspec.json.decode(content), login.token)
        except msgspec.DecodeError:
            token = None
        if not isinstance(token, str):
            raise LoginError(f"{login.path} did not answer with JSON that holds a text at {login.token!r}")
        return token

    def _session(self, login: SessionLogin, connections: Exchange, user: Mapping[str, Json]) -> Credential:
        """Open the page for its CSRF cookie, send the form, keep the cookies."""
        cookies: SimpleCookie = SimpleCookie()
        page = login.page or login.path
        _keep(cookies, self._send(connections, "GET", page, None, {})[1])
        form = fill_texts(login.form, {"user": dict(user)})
        form[login.csrf_field] = _value(cookies, login.csrf_cookie)
        headers = {
            **_cookie(cookies),
            "Content-Type": "application/x-www-form-urlencoded",
            "Referer": self.url + page,
        }
        body = urllib.parse.urlencode(form).encode()
        status, answered, content = self._send(connections, "POST", login.path, body, headers)
        before = len(cookies)
        _keep(cookies, answered)
        if status >= http.client.BAD_REQUEST or len(cookies) <= before:
            told = Answered(f"{login.path} of user {_named(user)}", status, answered, content)
            raise LoginError(f"{told}. It gave no session: check {self.where} and its rows.")
        guard = {login.csrf_header: _value(cookies, login.csrf_cookie), "Referer": self.url}
        return Credential(_cookie(cookies) | guard)

    def _send(
        self, connections: Exchange, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        sent = {**self.target.headers, **headers}
        try:
            return connections.exchange(urlsplit(self.url), method, path, body, sent)
        except OSError as error:
            raise LoginError(f"{path} of {self.url} gave no answer to a log-in: {error}") from error


# Secrets that are looked for in each text that is shown: those of all users would make that slow.
_KEPT = 100


def with_secrets(login: Login, where: str) -> Login:
    """Return a log-in with the variables of the environment filled in. Raises UsageError for one that is not set."""
    filled = msgspec.convert(with_environment(msgspec.to_builtins(login), where), type(login))
    if isinstance(filled, JwtLogin):
        keep_secret(filled.secret)
    return filled


@contextmanager
def renewed(renew: Callable[[], None], every_s: float) -> Iterator[None]:
    """Call `renew` every so many seconds while the `with` lasts. A log-in that fails is tried again the next time."""
    ended = Event()

    def keep_renewing() -> None:
        while not ended.wait(every_s):
            try:
                renew()
            except TailguardError as error:
                log.warning("The users keep their old credentials: %s", error)

    thread = Thread(target=keep_renewing, name="log-in", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def sign(login: JwtLogin, user: Mapping[str, Json]) -> str:
    """Return a JSON web token of a user, signed with HS256 (RFC 7515)."""
    now = int(time.time())
    values: dict[str, Json] = {"user": dict(user), "uuid": uuid.uuid4().hex}
    claims = {name: fill(claim, values) for name, claim in login.claims.items()}
    claims |= {"iat": now, "exp": now + int(login.lifetime_s or LIFETIME_S)}
    head = {"alg": "HS256", "typ": "JWT"}
    signed = b".".join(map(_base64url, (msgspec.json.encode(head), msgspec.json.encode(claims))))
    signature = hmac.new(login.secret.encode(), signed, hashlib.sha256).digest()
    return (signed + b"." + _base64url(signature)).decode("ascii")


def _base64url(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")


def _bearing(header: str, token: str) -> Credential:
    name, _, value = fill_text(header, {"token": token}).partition(":")
    return Credential({name.strip(): value.strip()}, token)


def _token_in(tokens: Mapping[str, str], file: str, user: Mapping[str, Json]) -> str:
    if str(user.get("id")) not in tokens:
        raise LoginError(f"{file} has no token of user {_named(user)}")
    return tokens[str(user["id"])]


def _named(user: Mapping[str, Json]) -> str:
    return str(user.get("id", "?"))


def _keep(cookies: "SimpleCookie", answered: http.client.HTTPMessage) -> None:
    for line in answered.get_all("Set-Cookie") or ():
        cookies.load(line)


def _value(cookies: "SimpleCookie", name: str) -> str:
    return cookies[name].value if name in cookies else ""


def _cookie(cookies: "SimpleCookie") -> dict[str, str]:
    return {"Cookie": "; ".join(f"{name}={morsel.value}" for name, morsel in cookies.items())}


def _read_tokens(path: Path) -> dict[str, str]:
    """Return user id -> token of a file with one `id,token` per line."""
    pairs = [line.partition(",") for line in read_text(path, _MOST_BYTES).splitlines() if line.strip()]
    return {user.strip(): token.strip() for user, _, token in pairs}
