"""A refused request turned back into the error that the platform raised."""

import http.client

import msgspec

from reference.errors import Conflict, PlatformError, Throttled, from_response
from tailguard.http import Answered

# Which environment variable of the target lifts the rate, by the start of the path; the first that fits.
RATES = {
    "/api/tournaments/registrations/": "THROTTLE_REGISTRATION_WRITE_RATE",
    "/api/token/": "THROTTLE_ANON_RATE",
    "/api/": "THROTTLE_USER_RATE",
}


class Refused(msgspec.Struct, frozen=True):
    """The body of a refusal."""

    error: str = ""
    detail: str = ""
    code: str | None = None


def refusal(
    method: str, path: str, status: int, headers: http.client.HTTPMessage, content: bytes
) -> PlatformError:
    """Return the error that the platform raised, by status, with its code and message.

    Throttled means that the target was not measured but its limiter: it names the rate to lift.
    """
    try:
        told = msgspec.json.decode(content, type=Refused)
    except msgspec.DecodeError:  # an answer of somebody else, such as a gateway
        told = Refused()
    place = path.partition("?")[0]
    if status == http.client.TOO_MANY_REQUESTS:
        rate = next((variable for start, variable in RATES.items() if place.startswith(start)), "its rates")
        return Throttled(
            f"the target throttles us: {method} {place} answered 429, Retry-After {headers.get('Retry-After', '?')} s. "
            f"Lift {rate} on the target (for example 1000000/min), or spread the load over more users."
        )
    message = str(Answered(f"{method} {place}", status, headers, content))
    if status == http.client.BAD_REQUEST and "already registered" in (told.error or told.detail):
        return Conflict(
            message, code="ALREADY_REGISTERED", status=status
        )  # the real platform has no code for it
    return from_response(status, told.code, message)
