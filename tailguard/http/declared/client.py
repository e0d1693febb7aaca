"""Sends the requests of declared scenarios: as which user, over whose connections."""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import SplitResult, quote, urlsplit

from tailguard.base.answered import Answered
from tailguard.http.connections import Exchange
from tailguard.http.declared.answer import Answer, RefusedAnswerError, accepts
from tailguard.http.declared.format import Expect, TargetTable
from tailguard.http.declared.login import NOBODY, Credential
from tailguard.http.declared.request import Request
from tailguard.http.declared.request.pattern import header_lines
from tailguard.http.wire.headers import UnreadableBodyError, unpacked

Note = Callable[[str, object], None]


class ThrottledError(Exception):
    """The target's limiter answered, not the target."""


class Client:
    """Sends as each user.

    `credentials` are those of each user by id, of "" if nobody is told from others.
    `note` is told of a target that throttles, `tls` says how certificates are checked.
    """

    def __init__(
        self,
        target: TargetTable,
        url: str,
        connections: Exchange,
        credentials: Mapping[str, Credential],
        note: Note,
        tls: Callable[[], ssl.SSLContext],
    ) -> None:
        self.base, self.tls = urlsplit(url), tls
        self._target, self._connections, self._note = target, connections, note
        self._lines: dict[tuple[str, frozenset[str], str], bytes]
        self.use(credentials)

    def use(self, credentials: Mapping[str, Credential]) -> None:
        """Use these credentials from now on."""
        self.credentials, self._lines = credentials, {}

    def credential(self, user: str) -> Credential:
        """Return what a user's requests carry."""
        return self.credentials.get(user) or self.credentials.get("") or NOBODY

    def known(self, user: str) -> dict[str, str]:
        """Return the headers of all of a user's requests to the target."""
        return {**self._target.headers, **self.credential(user).headers}

    def lines(self, user: str, without: frozenset[str], host: str, *, is_elsewhere: bool) -> bytes:
        """Return the headers of all of a user's requests as they are sent, but for some, named in lower case."""
        key = user if user in self.credentials else "", without, host
        if is_elsewhere:  # nobody else gets our credentials
            return header_lines({"Host": host, "Accept-Encoding": "identity"}, without)
        if (found := self._lines.get(key)) is None:
            known = self.known(user)
            named = without.union(name.lower() for name in known)
            always = header_lines({"Host": host, "Accept-Encoding": "identity"}, named)
            found = self._lines[key] = always + header_lines(known, without)
        return found

    def url_of(self, path: str, elsewhere: SplitResult | None) -> str:
        """Return the whole address of a path at the target, or elsewhere."""
        base = elsewhere or self.base
        return f"{base.scheme}://{base.netloc}{path}"

    def send(self, request: Request, expect: Expect, refusals: Mapping[str, str], step: str) -> Answer:
        """Send a request.

        Raises:
            RefusedAnswerError: its status is not an expected one.
            ThrottledError: the target's limiter answered.
            OSError: there is no answer.
        """
        base = request.elsewhere or self.base
        known = {} if request.elsewhere else self.known(request.user)  # nobody else gets our credentials
        sent = {**known, **request.headers}
        status, headers, content = self._connections.exchange(
            base, request.method, request.path, request.body, sent
        )
        return self.judged(Answer(request.asked, status, headers, content), expect, refusals, step)

    def judged(self, answer: Answer, expect: Expect, refusals: Mapping[str, str], step: str) -> Answer:
        """Return an answer of an expected status, unpacked. Raises as `send` does, and UnreadableBodyError."""
        status, headers = answer.code, answer.headers
        is_good, encoding = accepts(expect, status), headers.get("Content-Encoding")
        if encoding and answer.content:
            try:
                answer = replace(answer, content=unpacked(answer.content, encoding))
            except UnreadableBodyError:
                if is_good:  # else its status is what matters
                    raise
        if is_good:
            return answer
        answered = Answered(answer.asked, status, headers, answer.content)
        if status in self._target.throttled and str(status) not in refusals:
            limit = headers.get("Retry-After") or headers.get("X-RateLimit-Reset") or "?"
            why = (
                f"the target throttles us: {answer.asked} answered {status}, Retry-After {limit} s; lift its rate, or "
                "spread the load over more users"
            )
            self._note("throttled", why)
            raise ThrottledError(why)
        raise RefusedAnswerError(step, answered)

    def socket_url(self, path: str) -> str:
        """Return the address of a WebSocket at a path."""
        scheme = "wss" if self.base.scheme == "https" else "ws"
        return f"{scheme}://{self.base.netloc}{path}"

    @property
    def origin(self) -> str:
        """What the target takes for the page that connects to it."""
        return f"{self.base.scheme}://{self.base.netloc}"

    def token(self, user: str) -> str:
        """Return a user's token as an address may hold it."""
        return quote(self.credential(user).token, safe="")
