"""A Redis of a run's own: without a port, in a folder that is gone at the end, and never without its parent."""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tailguard as tg
from tailguard.kit import PipedProcess

PROGRAMS = ("valkey-server", "redis-server")
_PATIENCE_S = 30.0


@contextmanager
def redis_socket() -> Iterator[str]:
    """Start it; yield the path of its socket. Raises UsageError if this machine has none."""
    if not any(map(shutil.which, PROGRAMS)):
        raise tg.UsageError(
            f"There is no {' or '.join(PROGRAMS)} here: install one (apt-get install redis-server)."
        )
    with PipedProcess(__name__) as process:
        socket = process.read().strip()
        if not socket:
            raise tg.UsageError("The Redis server ended before it was ready.")
        yield socket.decode()


def main() -> None:
    """Run the server until standard input ends."""
    program = next(filter(None, map(shutil.which, PROGRAMS)))
    with tempfile.TemporaryDirectory(prefix="tailguard-redis-") as folder:
        socket = Path(folder) / "s"
        words = [program, "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", folder]
        with subprocess.Popen(words, stdout=subprocess.DEVNULL) as server:
            ends_s = time.monotonic() + _PATIENCE_S
            while not socket.exists() and server.poll() is None and time.monotonic() < ends_s:
                time.sleep(0.005)
            if socket.exists():
                sys.stdout.write(f"{socket}\n")
                sys.stdout.flush()
                sys.stdin.read()
            server.kill()


if __name__ == "__main__":
    main()
