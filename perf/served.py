"""The reference platform served by this process and reached over HTTP: the same journeys, with HTTP in between.

Server and generator share one interpreter here, and so its lock: good for comparing journeys and proving the adapter.
To measure a server by itself, start `tailguard serve` and give HttpPlatform its address.
"""

from collections.abc import Iterable

from perf.http import HttpPlatform, Tokens
from reference.platform import DeltaCrown
from reference.web.app import create_app
from reference.web.server import WebServer, bind


class ServedPlatform(HttpPlatform):
    """Serves on a loopback port from the moment it is made until it is closed."""

    def __init__(self, reference: DeltaCrown, *, users: Iterable[int], staff: int, spectator: int) -> None:
        """Serve `reference`, which is closed with this, and mint the tokens of all `users` now."""
        self._reference = reference
        self._server = WebServer(create_app(reference), bind("127.0.0.1", 0))
        self._server.start()
        tokens = Tokens(reference.tokens.mint)
        tokens.prepare(users)
        super().__init__(self._server.url, tokens, staff=staff, spectator=spectator)

    def close(self) -> None:
        """Hang up, end the server, close the platform."""
        super().close()
        self._server.close()
        self._reference.close()
