"""HTTP/1.1 as an adapter needs it: connections kept per thread."""

import http.client
import ssl
import threading
import time
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

from tailguard.base.errors import UsageError
from tailguard.base.secrets import mask

TIMEOUT_S = 10.0  # what the platform itself gives a statement; a client that waits longer has gone
# A kept connection is not trusted after this: the server may close it (uvicorn's own default is 5 s, ours 75) just
# while a request is on its way, and a POST must not be sent twice.
IDLE_S = 4.0


class Exchange(Protocol):
    """How an adapter sends a request and has its answer."""

    def exchange(
        self, target: SplitResult, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Send a request, return status, headers and body. Raises OSError if there is no answer."""
        ...

    def close(self) -> None: ...


class HttpConnections:
    """HTTP/1.1 connections, kept per thread and host."""

    def __init__(self, tls: ssl.SSLContext | None = None, timeout_s: float = TIMEOUT_S) -> None:
        """Connect to nothing yet; `tls` says how certificates are checked, if not as usual."""
        self._tls, self._timeout_s = tls, timeout_s
        self._of_thread = threading.local()
        self._all: list[http.client.HTTPConnection] = []

    def exchange(
        self, target: SplitResult, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Send a request, return status, headers and body. Raises OSError; what failed is not used again."""
        connection = self._connection(target)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        except BaseException as error:
            connection.close()
            if isinstance(error, http.client.HTTPException) and not isinstance(error, OSError):
                raise OSError(f"{target.netloc} gave no HTTP answer: {type(error).__name__}") from error
            raise

    def close(self) -> None:
        """Close all connections; they open again if they are used again."""
        for connection in self._all:
            connection.close()

    def _connection(self, target: SplitResult) -> http.client.HTTPConnection:
        kept: dict[str, tuple[http.client.HTTPConnection, list[float]]] = self._of_thread.__dict__
        key = f"{target.scheme}://{target.netloc}"
        if key not in kept:
            kept[key] = self._connect(target), [0.0]
            self._all.append(kept[key][0])
        connection, last_used_s = kept[key]
        now_s = time.monotonic()
        if now_s - last_used_s[0] > IDLE_S:
            connection.close()  # opens again by itself with the next request
        last_used_s[0] = now_s
        return connection

    def _connect(self, target: SplitResult) -> http.client.HTTPConnection:
        if target.scheme == "https":
            return http.client.HTTPSConnection(target.netloc, timeout=self._timeout_s, context=self._tls)
        return http.client.HTTPConnection(target.netloc, timeout=self._timeout_s)


def check_address(url: str, where: str) -> None:
    """Raise UsageError, naming `where` it was given, for what is not http(s)://host or http(s)://host:port."""
    if not is_address(url):
        meant = f"http://{url}" if "://" not in url else ""
        raise UsageError(
            f"{where} is {mask(url)!r}: that is not an address of a service; write "
            f"{mask(meant) if is_address(meant) else 'http://host:port'}"
        )


def is_address(host: str) -> bool:
    """Whether it is http(s)://host or http(s)://host:port."""
    try:
        parts = urlsplit(host)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 80) > 0
    except ValueError:  # a port that is not a number, half an IPv6 address
        return False
