"""Sends the requests of declared scenarios: as which user, over whose connections."""

from collections.abc import Callable, Mapping
from urllib.parse import quote, urlsplit

from tailguard.base.answered import Answered
from tailguard.http.connections import Exchange
from tailguard.http.declared.answer import Answer, RefusedAnswerError, accepts
from tailguard.http.declared.format import Expect, TargetTable
from tailguard.http.declared.login import NOBODY, Credential
from tailguard.http.declared.request import Request

Note = Callable[[str, object], None]


class ThrottledError(Exception):
    """The target's limiter answered, not the target."""


class Client:
    """`credentials` are those of each user by id, of "" if nobody is told from others.

    `note` is told of a target that throttles.
    """

    def __init__(
        self,
        target: TargetTable,
        url: str,
        connections: Exchange,
        credentials: Mapping[str, Credential],
        note: Note,
    ) -> None:
        self.base = urlsplit(url)
        self._target, self._connections, self._note = target, connections, note
        self._credentials = credentials

    def use(self, credentials: Mapping[str, Credential]) -> None:
        """Use these credentials from now on."""
        self._credentials = credentials

    def credential(self, user: str) -> Credential:
        """Return what a user's requests carry."""
        return self._credentials.get(user) or self._credentials.get("") or NOBODY

    def known(self, user: str) -> dict[str, str]:
        """Return the headers of all of a user's requests to the target."""
        return {**self._target.headers, **self.credential(user).headers}

    def url_of(self, request: Request) -> str:
        """Return the whole address of a request."""
        base = request.elsewhere or self.base
        return f"{base.scheme}://{base.netloc}{request.path}"

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
        if accepts(expect, status):
            return Answer(request.asked, status, headers, content)
        answered = Answered(request.asked, status, headers, content)
        if status in self._target.throttled and str(status) not in refusals:
            limit = headers.get("Retry-After") or headers.get("X-RateLimit-Reset") or "?"
            why = (
                f"the target throttles us: {request.asked} answered {status}, Retry-After {limit} s; lift its rate, or "
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
