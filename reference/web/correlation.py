"""Every answer carries `X-Correlation-Id`: the caller's own, where it sent a sane one, or a new one."""

import re
import uuid

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = b"x-correlation-id"
SANE = re.compile(rb"[A-Za-z0-9._-]{1,64}")  # what may be echoed into a header and a log line unescaped


class CorrelationId:
    """ASGI middleware around the whole app, so that a 500 carries the header as well."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and mark its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        correlation_id = correlation_of(scope)
        scope.setdefault("state", {})["correlation_id"] = correlation_id

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Correlation-Id"] = correlation_id
            await send(message)

        await self._app(scope, receive, send_marked)


def correlation_of(scope: Scope) -> str:
    """The request's own correlation id, or a new one where it has none or an unprintable one."""
    sent = next((value for name, value in scope["headers"] if name == HEADER), b"")
    return sent.decode("ascii") if SANE.fullmatch(sent) else uuid.uuid4().hex
