"""HTTP/1.1 as an adapter needs it: connections kept per thread, and refusals turned back into the platform's errors."""

import http.client
import json
import ssl
import threading
import time
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import SplitResult

from reference.errors import Conflict, PlatformError, Throttled, from_response

TIMEOUT_S = 10.0  # what the platform itself gives a statement; a client that waits longer has gone
# A kept connection is not trusted after this: the server may close it (uvicorn's own default is 5 s, ours 75) just
# while a request is on its way, and a POST must not be sent twice.
IDLE_S = 4.0
# Which environment variable of the target lifts the rate, by the start of the path; the first that fits.
RATES = {
    "/api/tournaments/registrations/": "THROTTLE_REGISTRATION_WRITE_RATE",
    "/api/token/": "THROTTLE_ANON_RATE",
    "/api/": "THROTTLE_USER_RATE",
}


class Exchange(Protocol):
    """How an adapter sends a request and has its answer."""

    def exchange(
        self, target: SplitResult, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Send a request, return status, headers and body. Raises OSError where there is no answer."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


class Wire:
    """HTTP/1.1 connections, kept per thread and host."""

    def __init__(self, tls: ssl.SSLContext | None = None, timeout_s: float = TIMEOUT_S) -> None:
        """Connect to nothing yet; `tls` says how certificates are checked, where not as usual."""
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
        """Close all connections; they open again where they are used again."""
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


def refusal(
    method: str, path: str, status: int, headers: http.client.HTTPMessage, content: bytes
) -> PlatformError:
    """Return the error that the platform raised, by status, with its code and correlation id.

    Throttled means that the target was not measured but its limiter: it names the rate to lift.
    """
    try:
        body = json.loads(content)
    except ValueError:
        body = {}
    told = body if isinstance(body, dict) else {}
    place = path.partition("?")[0]
    if status == http.client.TOO_MANY_REQUESTS:
        rate = next((variable for start, variable in RATES.items() if place.startswith(start)), "its rates")
        return Throttled(
            f"the target throttles us: {method} {place} answered 429, Retry-After {headers.get('Retry-After', '?')} s. "
            f"Lift {rate} on the target (for example 1000000/min), or spread the load over more users."
        )
    said = str(told.get("error") or told.get("detail") or f"HTTP {status}")
    message = f"{method} {place}: {said} (correlation id {headers.get('X-Correlation-Id', 'none')})"
    if status == http.client.BAD_REQUEST and "already registered" in said:
        return Conflict(
            message, code="ALREADY_REGISTERED", status=status
        )  # the real platform has no code for it
    return from_response(status, told.get("code"), message)
