"""HTTP for platform adapters under Locust: geventhttpclient's connections, as Locust's FastHttpUser has them."""

import http.client
import threading
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from urllib.parse import SplitResult

from tailguard.http.connections import TIMEOUT_S
from tailguard.http.tls import Tls


class FastHttpConnections:
    """Exchanges of requests and answers, with a pool of connections for each greenlet.

    `make_pool` gives a new pool, which goes with its greenlet.
    """

    def __init__(self, make_pool: Callable[[], Any]) -> None:
        self._make_pool = make_pool
        self._of_greenlet = threading.local()  # under gevent a greenlet's own

    def exchange(
        self, target: SplitResult, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Send a request, return status, headers and body. Raises OSError if there is no answer."""
        from geventhttpclient.url import URL  # noqa: PLC0415  # only if locust has it loaded

        pool = self._of_greenlet.__dict__.get("pool")
        if pool is None:
            pool = self._of_greenlet.pool = self._make_pool()
        answer = pool.get_client(URL(f"{target.scheme}://{target.netloc}/")).request(
            method, path, body=body, headers=dict(headers)
        )
        content = bytes(answer.read())
        return answer.status_code, answer, content

    def close(self) -> None:
        """Close this greenlet's connections; the others' end with their greenlets."""
        pool = self._of_greenlet.__dict__.pop("pool", None)
        if pool is not None:
            pool.close()


def fast_connections(tls: Tls) -> FastHttpConnections:
    """Return connections as FastHttpUser has them, which check certificates as `tls` says."""
    from geventhttpclient.client import HTTPClientPool  # noqa: PLC0415  # as above

    context = cache(tls.context)

    def pool() -> HTTPClientPool:
        return HTTPClientPool(
            concurrency=1,
            ssl_context_factory=context,
            connection_timeout=TIMEOUT_S,
            network_timeout=TIMEOUT_S,
        )

    return FastHttpConnections(pool)
