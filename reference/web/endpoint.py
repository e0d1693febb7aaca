"""One operation as an ASGI endpoint: authenticate, throttle, parse, answer, all on a worker thread."""

import asyncio
import json
from concurrent.futures import Executor
from typing import Any, Protocol

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from reference.errors import Forbidden, PlatformError, Throttled, Unauthenticated
from reference.platform import DeltaCrown
from reference.web.operation import Call, Caller, Operation, Reply
from reference.web.reader import Reader
from reference.web.refusal import refused_by_http, reply_to
from reference.web.throttle import Throttle

MAX_BODY_BYTES = 8 * 2**20  # some hundred times a certificate; no request of the platform's clients is larger


class Authenticate(Protocol):
    """Turns an Authorization header into a caller; None where there is none."""

    def __call__(self, authorization: str) -> Caller | None:
        """Raise Unauthenticated for a header or token that does not hold."""


class Endpoint:
    """Serves one operation."""

    def __init__(
        self,
        operation: Operation,
        platform: DeltaCrown,
        *,
        workers: Executor,
        throttle: Throttle,
        authenticate: Authenticate,
    ) -> None:
        self._operation = operation
        self._platform = platform
        self._workers = workers
        self._throttle = throttle
        self._authenticate = authenticate
        self._reader = Reader(operation)

    async def serve(self, request: Request) -> Response:
        """Read the body here and do the rest on a worker: services are plain blocking functions."""
        try:
            raw = await read_body(request)
        except PlatformError as error:
            return response_of(reply_to(error, request.state.correlation_id))
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._workers, self._respond, request, raw)

    def _respond(self, request: Request, raw: bytes) -> Response:
        try:
            return response_of(self._reply(request, raw))
        except Exception as error:  # noqa: BLE001  # every failure is answered; reply_to logs what nobody foresaw
            return response_of(reply_to(error, request.state.correlation_id))

    def _reply(self, request: Request, raw: bytes) -> Reply:
        operation = self._operation
        caller = self._caller(request)
        self._admit(caller, request)
        call = Call(
            caller=caller,
            path=request.path_params,
            query=self._reader.query(request.query_params),
            headers=request.headers,
            body=self._reader.body(raw, request.headers.get("content-type", "")),
        )
        return operation.answer(self._platform, call)

    def _caller(self, request: Request) -> Caller | None:
        if self._operation.audience == "public":
            return None  # a stale token in the header does not close a public route
        caller = self._authenticate(request.headers.get("authorization", ""))
        permit(self._operation, caller)
        return caller

    def _admit(self, caller: Caller | None, request: Request) -> None:
        scope = self._operation.scope
        if scope is None:
            return
        address = request.client.host if request.client else ""
        who = str(caller.user_id) if caller is not None and scope != "anon" else address
        wait_s = self._throttle.admit(scope, who)
        if wait_s is not None:
            raise Throttled(
                f"too many requests; try again in {wait_s} s",
                details={"retry_after_s": wait_s, "scope": scope},
            )


def permit(operation: Operation, caller: Caller | None) -> None:
    """Raise Unauthenticated or Forbidden where the operation is not for this caller."""
    if operation.audience != "public" and caller is None:
        raise Unauthenticated(
            "authentication credentials were not provided: send Authorization: Bearer <token>"
        )
    if operation.audience == "staff" and not (caller and caller.is_staff):
        raise Forbidden("only staff may do this")


async def read_body(request: Request) -> bytes:
    """The whole body, bounded. Raises PlatformError (413, or 400 where the client went away)."""
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > MAX_BODY_BYTES:
                raise refused_by_http(413, f"the body is larger than {MAX_BODY_BYTES} bytes")
            chunks.append(chunk)
    except ClientDisconnect:
        raise refused_by_http(400, "the client went away in mid-request") from None
    return b"".join(chunks)


def response_of(reply: Reply) -> Response:
    """JSON, unless the reply is bytes with a content type of their own."""
    if isinstance(reply.body, bytes):
        return Response(reply.body, reply.status, dict(reply.headers))
    return Response(to_json(reply.body), reply.status, dict(reply.headers), media_type="application/json")


def to_json(body: Any) -> bytes:
    """UTF-8 JSON; times are ISO 8601, other values the text they print as (UUID, Decimal)."""
    return json.dumps(body, ensure_ascii=False, default=_text, separators=(",", ":")).encode()


def _text(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
