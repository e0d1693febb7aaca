"""What an unwanted HTTP answer said: enough to look for its cause, bounded, and without a secret."""

from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPMessage

from tailguard.base.secrets import mask

# By which a server's own log names the request.
CORRELATION = ("X-Correlation-Id", "X-Request-Id")
MOST_SAID = 300
# Masked before it is cut, so that no half of a secret is left; more of it is not worth the time.
_READ_BYTES = 2048
_REDIRECTS = range(300, 400)


@dataclass(frozen=True, slots=True)
class Answered:
    """`asked` names the request, "" if nobody knows it.

    The text is made when somebody asks for it, so that a sample does not pay for it. Example:
    `POST /orders answered 409 (X-Request-Id 7f3a): {"error": "sold out"}`.
    """

    asked: str
    status: int
    headers: HTTPMessage | Mapping[str, str]
    content: bytes

    def __str__(self) -> str:
        """Return the whole in one line."""
        told = f"{self.asked} answered {self.status}" if self.asked else f"HTTP {self.status}"
        if named := [f"{name} {found}" for name in CORRELATION if (found := self.headers.get(name))]:
            told += f" ({', '.join(named)})"
        if self.status in _REDIRECTS:
            place = self.headers.get("Location") or "nowhere"
            told += f", a redirect to {place}: use that host and path, or switch the redirect off"
        body = mask(" ".join(self.content[:_READ_BYTES].decode("utf-8", "replace").split()))
        return f"{mask(told)}: {shortened(body)}" if body else mask(told)


def shortened(text: str, most: int = MOST_SAID) -> str:
    """Return the text cut to that number of characters, `…` for what was left out."""
    return text if len(text) <= most else text[: most - 1] + "…"
