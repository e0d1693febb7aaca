"""Answers that refuse: `{"error": text, "code": CODE, "details"?: …}`, whatever went wrong."""

import logging
from http import HTTPStatus
from typing import Any

import psycopg

from reference.errors import Conflict, Invalid, PlatformError, Unavailable
from reference.web.operation import Reply

log = logging.getLogger("reference.web")


def reply_to(error: Exception, correlation_id: str) -> Reply:
    """The answer to an exception. What nobody foresaw is logged with its correlation id and told as a plain 500."""
    match error:
        case PlatformError():
            return refusal(error)
        case psycopg.errors.UniqueViolation():
            return refusal(Conflict("somebody else was faster: this exists already", code="INTEGRITY_ERROR"))
        case psycopg.DataError() | UnicodeEncodeError():
            return refusal(Invalid("a value cannot be stored: out of range, or not valid text"))
        case psycopg.OperationalError():
            log.error("request %s: the database failed: %s", correlation_id, type(error).__name__)
            return refusal(
                Unavailable("the database is not available; try again", details={"retry_after_s": 1})
            )
        case _:
            log.error("request %s failed", correlation_id, exc_info=error)
            return refusal(PlatformError(f"internal error; correlation id {correlation_id}"))


def refusal(error: PlatformError) -> Reply:
    """The answer to a foreseen error, with the headers that HTTP asks for beside its status."""
    body: dict[str, Any] = {"error": str(error), "code": error.code}
    headers = {}
    if error.details:
        body["details"] = error.details
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if "retry_after_s" in error.details:
        headers["Retry-After"] = str(error.details["retry_after_s"])
    return Reply(error.status, body, headers)


def refused_by_http(status: int, error: str) -> PlatformError:
    """A refusal of HTTP's own, before any service: no such path, method or content type."""
    return PlatformError(error, status=status, code=f"ERROR_{status}")
