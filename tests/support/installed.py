"""The installed command as a user types it, and a service of a few lines that it measures."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

TAILGUARD = Path(sys.executable).with_name("tailguard")
# What would let a stranger's folder know of this repository, or of the server that its tests have.
OURS = ("TAILGUARD", "PG", "DATABASE", "PYTHONPATH", "DJANGO")


def typed(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a stranger's folder; no line of what it says is folded."""
    theirs = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return subprocess.run(
        [TAILGUARD, *words],
        cwd=folder,
        env=theirs | {"COLUMNS": "400"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


class Service(BaseHTTPRequestHandler):
    """What answers for a service; it writes no log."""

    protocol_version = "HTTP/1.1"

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@contextmanager
def served_by(service: type[Service]) -> Iterator[str]:
    """Serve on a free port while the `with` lasts; yields the URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), service) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
