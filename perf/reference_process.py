"""The reference platform served over HTTP by a process of its own, so that it takes no time of the generator's.

It speaks in lines of JSON: its order comes in on standard input, where a secret is not seen by `ps`; its URL, or why it
cannot be served, goes out on standard output. It ends when its standard input does, so it never outlives its parent.
"""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

import tailguard as tg
from perf.reference import Reference
from tailguard.kit import PipedProcess

_ROOT = Path(__file__).resolve().parent.parent
_STOP_S = 60.0


class Order(msgspec.Struct, frozen=True):
    """What to serve; `cpus` are the process's cores, None for any."""

    reference: Reference
    cpus: list[int] | None


class Told(msgspec.Struct, frozen=True):
    """What the process says once it serves, or cannot."""

    url: str = ""
    failed: str = ""


@contextmanager
def served(reference: Reference, cpus: Sequence[int] | None) -> Iterator[str]:
    """Serve the platform on a loopback port while the `with` lasts; returns its URL.

    Raises UsageError if it cannot be started.
    """
    with PipedProcess(__name__, cwd=_ROOT, patience_s=_STOP_S) as process:
        process.send(msgspec.json.encode(Order(reference, None if cpus is None else list(cpus))))
        line = process.read()
        told = msgspec.json.decode(line, type=Told) if line else Told(failed="it ended before it was ready")
        if told.failed:
            raise tg.UsageError(f"The reference platform cannot be served: {told.failed}")
        yield told.url


def main() -> None:
    """Serve until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    if order.cpus is not None and sys.platform == "linux":
        os.sched_setaffinity(0, order.cpus)
    try:
        serve(order.reference)
    except Exception as error:  # noqa: BLE001  # the parent is told, who else would see it
        tell(Told(failed=f"{type(error).__name__}: {error}"))
    except KeyboardInterrupt:
        return


def serve(reference: Reference) -> None:
    """Serve on a loopback port until standard input ends; tell the parent where."""
    # Here, not above: the parent imports this file too, and a web server takes 0.2 s to load.
    from reference.web.app import create_app  # noqa: PLC0415
    from reference.web.server import WebServer, bind  # noqa: PLC0415

    with (
        reference.open() as (platform, metrics),
        WebServer(create_app(platform, metrics=metrics), bind("127.0.0.1", 0)) as server,
    ):
        tell(Told(url=server.url))
        sys.stdin.buffer.read()


def tell(told: Told) -> None:
    """Write one line of JSON to the parent."""
    sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
