"""A step as the bytes that are sent for it."""

from tailguard.base.errors import UsageError
from tailguard.http.declared.answer import Answer, MissingValueError, accepts
from tailguard.http.declared.client import Client
from tailguard.http.declared.cookies import COOKIE, Cookies
from tailguard.http.declared.journey import PlayedStep
from tailguard.http.declared.request.pattern import Pattern, header_lines
from tailguard.http.template import Values
from tailguard.http.wire.connection import Exchange, Receiver, Traits
from tailguard.http.wire.headers import Headers, has_line
from tailguard.http.wire.pool import Server, Wire
from tailguard.record.part import Json

# They may be sent twice (RFC 9110, 9.2.2).
SAFE = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"}
# A server may ask how long the body is that is not there (RFC 9110, 8.6).
_SAYS_ITS_LENGTH = {"POST", "PUT", "PATCH"}


class WiredStep:
    """What of a step is the same in each iteration.

    Attributes:
        is_plain: nothing but the status of its answer says whether that is good, and later steps take nothing from it.
    """

    def __init__(self, played: PlayedStep, client: Client, wire: Wire) -> None:
        step, request = played.step, played.request
        self.name, self.condition = step.name, played.condition
        self.is_plain = not (request.expect.json or request.expect.text or step.save)
        self._client, self._wire, self._request = client, wire, request
        self._asked = request.asked
        self._method, self._refusals = step.method.encode(), step.refusals
        self._own = frozenset(name.lower() for name in request.headers)
        self._body = Pattern([b""]) if request.body is None else request.body
        self._says_length = not self._own & {"content-length", "transfer-encoding"} and (
            request.body is not None or step.method in _SAYS_ITS_LENGTH
        )
        lines = [
            [f"{name}: ".encode("latin-1"), *pattern.parts, b"\r\n"]
            for name, pattern in request.headers.items()
        ]
        self._headers = Pattern([part for line in lines for part in line])
        reads = not self.is_plain or bool(step.refusals)
        self._traits = Traits(step.method in SAFE, step.method == "HEAD", reads)
        fixed = (request.user, request.path, self._headers, self._body)
        self._is_constant = all(each is not None and each.is_constant for each in fixed)
        # The whole, the credentials that it was made with, and where it goes.
        self._constant: tuple[object, bytes, Server] | None = None

    def exchange(
        self, values: Values, cookies: Cookies | None, receiver: Receiver
    ) -> tuple[Server, Exchange]:
        """Return a request that is ready to be sent, and where.

        Raises MissingValueError for a place without a value, UnsafeValueError for one that cannot be sent, OSError for
        a link that leads to no server.
        """
        if cookies is None and self._constant is not None and self._constant[0] is self._client.credentials:
            _, data, server = self._constant
            return server, Exchange(data, self._traits, receiver)
        try:
            credentials = self._client.credentials
            server, data = self._made(values, cookies)
        except UsageError as error:
            raise MissingValueError(f"{self.name}: {error}") from None
        if self._is_constant and cookies is None:
            self._constant = credentials, data, server
        return server, Exchange(data, self._traits, receiver)

    def accepts(self, status: int) -> bool:
        """Whether a status is good."""
        return accepts(self._request.expect, status)

    def answer(self, status: int, raw: bytes, content: bytes) -> Answer:
        """Return an answer of an expected status. Raises as `Client.judged` does."""
        answer = Answer(self._asked, status, Headers(raw), content)
        if self.accepts(status) and not has_line(b"content-encoding", raw):
            return answer
        return self._client.judged(answer, self._request.expect, self._refusals, self.name)

    def learn(self, answer: Answer, values: dict[str, Json]) -> None:
        """Check an answer, and save what later steps take from it."""
        self._request.learn(answer, values)

    def take_cookies(self, answer: Answer, values: Values, cookies: Cookies) -> None:
        """Take the cookies that the answer sets; the values are those of the request."""
        user, client = self._user(values), self._client
        cookies.take(user, self._url(values), answer.headers, client.known(user))

    def _made(self, values: Values, cookies: Cookies | None) -> tuple[Server, bytes]:
        user = self._user(values)
        path, elsewhere = self._request.address(values)
        server = self._wire.server(elsewhere or self._client.base)
        without, cookie = self._own, b""
        if cookies is not None and COOKIE.lower() not in self._own:
            found = cookies.header(user, self._url(values))
            cookie = header_lines(found, ())
            without |= {name.lower() for name in found}
        lines = self._client.lines(user, without, server.host_header, is_elsewhere=elsewhere is not None)
        body = self._body.fill(values)
        length = b"Content-Length: %d\r\n" % len(body) if self._says_length else b""
        head = b"%s %s HTTP/1.1\r\n" % (self._method, path)
        return server, b"".join((head, lines, self._headers.fill(values), cookie, length, b"\r\n", body))

    def _user(self, values: Values) -> str:
        return self._request.user.fill(values).decode()

    def _url(self, values: Values) -> str:
        path, elsewhere = self._request.address(values)
        return self._client.url_of(path.decode("ascii"), elsewhere)
