"""The shape of a request: `GET /users/{id}` of every user's page."""

import re
from functools import lru_cache

_ID = re.compile(
    r"\d+"
    r"|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}"
    r"|(?=[^/]*\d)[0-9a-fA-F]{8,}"
    r"|(?=[^/]*\d)[\w.~=-]{20,}"
    r"|[^/]*(?:@|%40)[^/]*"
)
# More shapes than these are one, so that neither a crawler nor a scanner makes the tables grow.
MOST_ROUTES = 200
OTHER = "other requests"


@lru_cache(maxsize=4096)  # paths come again, and each request of each user is named
def route_of(method: bytes, target: bytes) -> str:
    """Return the method and the path, each part that looks like somebody's own replaced; without the query."""
    path = target.partition(b"?")[0].decode("ascii", "backslashreplace")
    if "://" in path:  # as a client writes it that takes us for its proxy
        path = "/" + path.split("/", 3)[-1]
    return f"{method.decode('ascii', 'replace')} {'/'.join(map(shaped, path.split('/')))}"


def shaped(word: str) -> str:
    """Return {id} for a number, a UUID, a hash, a token or an e-mail address; else the word."""
    return "{id}" if _ID.fullmatch(word) else word


class Routes:
    """The routes met so far, numbered in their order; at most MOST_ROUTES and one for all others."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._numbers)

    def number(self, route: str) -> int:
        """Return a route's number."""
        known = self._numbers.get(route)
        if known is not None:
            return known
        name = route if len(self._numbers) < MOST_ROUTES else OTHER
        return self._numbers.setdefault(name, len(self._numbers))
