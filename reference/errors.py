# ruff: noqa: N818 - these are named as an answer reads: Conflict, NotFound
"""What the platform answers when it refuses. Each error carries its HTTP status and a code for machines."""

from collections.abc import Mapping
from typing import Any, ClassVar


class PlatformError(Exception):
    """Base of all refusals and failures. `status` is the HTTP status, `code` a constant a client may branch on.

    `retries` says how often it was tried again in vain, `sqlstate` the database's last answer.
    """

    status: int = 500
    code: str = "INTERNAL_ERROR"
    retries: int = 0
    sqlstate: str | None = None
    by_status: ClassVar[dict[int, type["PlatformError"]]] = {}

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        status: int | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Say what was refused; `code` and `status` overrule the class's own."""
        super().__init__(message)
        self.code = code or type(self).code
        self.status = status or type(self).status
        self.details = dict(details or {})

    def __init_subclass__(cls) -> None:
        """Remember the first class of each status, so that a client can raise the same one again."""
        PlatformError.by_status.setdefault(cls.status, cls)


class Invalid(PlatformError):
    """The request itself is wrong: a missing field, a tie, a negative amount."""

    status = 400
    code = "VALIDATION_ERROR"


class Unauthenticated(PlatformError):
    """No token, or one that does not hold."""

    status = 401
    code = "UNAUTHENTICATED"


class Forbidden(PlatformError):
    """A known user who may not do this."""

    status = 403
    code = "PERMISSION_DENIED"


class NotFound(PlatformError):
    """No such tournament, match, wallet or certificate."""

    status = 404
    code = "NOT_FOUND"


class Conflict(PlatformError):
    """A clean refusal: full, already registered, stale version, key used for something else."""

    status = 409
    code = "CONFLICT"


class InsufficientFunds(Conflict):
    """The sender's wallet does not hold the amount. The platform answers 400 here."""

    status = 400
    code = "INSUFFICIENT_FUNDS"


class Gone(PlatformError):
    """The certificate was revoked."""

    status = 410
    code = "GONE"


class Throttled(PlatformError):
    """The user or address exceeded a rate."""

    status = 429
    code = "RATE_LIMITED"


class Unavailable(PlatformError):
    """A part that the platform needs (storage, database) did not answer within its bounded retries."""

    status = 503
    code = "UNAVAILABLE"


# Refusals whose class the status alone does not tell.
_BY_CODE: dict[str, type[PlatformError]] = {
    "INSUFFICIENT_FUNDS": InsufficientFunds,
    "ALREADY_REGISTERED": Conflict,
    "WRONG_STATE": Conflict,
}


def from_response(status: int, code: str | None, message: str) -> PlatformError:
    """Return the error that a server with the status and code of an answer raised."""
    kind = _BY_CODE.get(code or "") or PlatformError.by_status.get(status, PlatformError)
    return kind(message, code=code, status=status)
