"""HTTP for platform adapters under Locust: geventhttpclient's connections, as FastHttpUser has them.

The pool of connections is the greenlet's: its user's own, or one made for it if no user is playing.
"""

import http.client
import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import SplitResult

_of_greenlet = threading.local()  # under gevent a greenlet's own


def use_pool(pool: Any) -> None:
    """Let this greenlet's requests go through a user's connections."""
    _of_greenlet.pool = pool


class FastHttpConnections:
    """Exchanges of requests and answers. `make_pool` gives a new pool of connections."""

    def __init__(self, make_pool: Callable[[], Any]) -> None:
        self._make_pool = make_pool

    def exchange(
        self, target: SplitResult, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Send a request, return status, headers and body. Raises OSError if there is no answer."""
        from geventhttpclient.url import URL  # noqa: PLC0415  # only if locust has it loaded

        pool = getattr(_of_greenlet, "pool", None)
        if pool is None:
            pool = _of_greenlet.pool = self._make_pool()
        answer = pool.get_client(URL(f"{target.scheme}://{target.netloc}/")).request(
            method, path, body=body, headers=dict(headers)
        )
        content = bytes(answer.read())
        return answer.status_code, answer, content

    def close(self) -> None:
        """Close this greenlet's connections; the others' end with their users."""
        pool = _of_greenlet.__dict__.pop("pool", None)
        if pool is not None:
            pool.close()
