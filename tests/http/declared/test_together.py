"""`together` of a step: of requests that start at one instant one is accepted, or the sample is an error."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Barrier, Lock, Thread

import pytest

from tests.support.declared_play import Played

pytestmark = pytest.mark.system
AT_ONCE = 3
FILE = """
[scenario.{name}]
[[scenario.{name}.steps]]
name = "claim"
method = "POST"
path = "/{name}/{{number}}"
together = 3
refusals = {{ "409 taken" = "" }}
"""


@pytest.fixture
def url() -> Iterator[str]:
    """Answers once all of one number are there: `/good` and `/broken` take the first, `/twice` all, `/none` nobody."""
    meetings: dict[str, Barrier] = {}
    taken: set[str] = set()
    lock = Lock()

    class Service(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            with lock:
                meeting = meetings.setdefault(self.path, Barrier(AT_ONCE))
            meeting.wait(60)  # breaks unless they are here at one instant
            with lock:
                is_first = self.path not in taken
                taken.add(self.path)
            name = self.path.split("/")[1]
            accepted = {"good": is_first, "twice": True, "none": False, "broken": is_first}[name]
            status = 200 if accepted else 500 if name == "broken" else 409
            self.send_response(status)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"taken")

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_one_that_is_accepted_is_one_sample_and_all_else_is_an_error(tmp_path: Path, url: str) -> None:
    names = {
        "good": {},
        "twice": {"NotOneWinnerError": 5},
        "none": {"NotOneWinnerError": 5},
        "broken": {"HTTP 500": 5},
    }
    file = tmp_path / "shop.toml"
    file.write_text("".join(FILE.format(name=name) for name in names), encoding="utf-8")
    played = Played(file, url, 5)
    assert {name: played.kinds(name) for name in names} == names
    assert played.ok("good", "claim") == 5
