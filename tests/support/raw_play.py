"""Plays one declared scenario, `go`, against a server that says byte by byte what a test wants."""

from collections.abc import Callable

from tests.support.declared_play import Played
from tests.support.raw_server import RawServer, answer

OK = answer(b'{"id": 7}', "200 OK", "Content-Type: application/json")
GO = '[[scenario.go.steps]]\nname = "go"\npath = "/"\n'
READING = GO + "expect = { json = { id = 7 } }\n"


class Seen:
    """What came of a scenario `go`, and what the server was asked."""

    def __init__(self, played: Played, server: RawServer) -> None:
        self.played, self.server = played, server

    @property
    def ok(self) -> int:
        return self.played.ok("go", "go")

    @property
    def kinds(self) -> dict[str, int]:
        return self.played.kinds("go")

    @property
    def said(self) -> str:
        return "; ".join(self.played.of["go"].said.values())


Play = Callable[..., Seen]
