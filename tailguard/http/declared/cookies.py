"""The cookies that a service sets during an iteration: its later requests carry them, as those of a browser do."""

from collections.abc import Iterable, Mapping
from http.client import HTTPMessage
from http.cookiejar import CookieJar
from types import SimpleNamespace
from urllib.request import Request

from tailguard.http.declared.answer import set_cookies

COOKIE, SET_COOKIE = "Cookie", "Set-Cookie"


class Cookies:
    """Those of each user, by id. An iteration is a visit of its own; it begins with what a log-in at `origin` gave."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._jars: dict[str, CookieJar] = {}

    def header(self, user: str, url: str) -> dict[str, str]:
        """Return the header of a user's request to an address; nothing if no answer has set any."""
        if user not in self._jars:
            return {}
        request = Request(url)  # noqa: S310  # it is never opened
        self._jars[user].add_cookie_header(request)
        found = request.get_header(COOKIE)
        return {COOKIE: found} if found else {}

    def take(
        self, user: str, url: str, answered: HTTPMessage | Mapping[str, str], known: Mapping[str, str]
    ) -> None:
        """Take what an answer sets. `known` are the headers of all requests of the user, whose cookies stay."""
        lines = set_cookies(answered)
        if not lines:
            return
        if user not in self._jars:
            self._jars[user] = CookieJar()
            pairs = filter(None, known.get(COOKIE, "").split("; "))
            self._keep(user, self._origin, (f"{pair}; Path=/" for pair in pairs))
        self._keep(user, url, lines)

    def _keep(self, user: str, url: str, lines: Iterable[str]) -> None:
        told = HTTPMessage()
        for line in lines:
            told[SET_COOKIE] = line
        answer = SimpleNamespace(info=lambda: told)
        self._jars[user].extract_cookies(answer, Request(url))  # type: ignore[arg-type]  # noqa: S310  # as above
