"""What a user waits longer because requests are repeated to a candidate: the same proxy, with the mirror on and off.

    python -m benchmarks.shadow_overhead [--pairs 20] [--seconds 4] [--rate 300] [--service-ms 2]

Primary, candidate and both proxies are processes of their own, which stay for the whole benchmark. In a pair, open load
goes through both proxies in turns of half a second, so that both meet the same noise of the machine. Latency runs from
the intended start. Our own gate judges p50 (+5 %) and p95 (+10 %), without a floor; p99 is reported. The proxy without
a mirror reads nothing of what passes. The candidate runs at a low priority: elsewhere, it has a machine of its own, and
what it computes is not the mirror's cost. The last line says how many of the requests the candidate was asked.
"""

import argparse
import asyncio
import os
import random
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tailguard.base.ports import LOOPBACK
from tailguard.base.state import State
from tailguard.compare.gate import gate_blocks
from tailguard.engine.event_loop import new_loop
from tailguard.engine.iteration import Iteration
from tailguard.engine.measure import measure
from tailguard.engine.schedule import Poisson
from tailguard.engine.workload import Journey, Load, PlainScenario, Workload
from tailguard.shadow.address import Address
from tailguard.shadow.book import Book
from tailguard.shadow.callers import Callers
from tailguard.shadow.mirror import Mirror
from tailguard.shadow.proxy import Proxy

MARGINS = {0.5: 0.05, 0.95: 0.10}
STEP = "ask"
USERS, WARMUP = 16, 20
BODY = (
    b'{"id": 17, "items": [{"price": 1299, "name": "shoes"}, {"price": 250, "name": "laces"}], "total": 1549}'
)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(BODY),
    BODY,
)
REQUEST = (
    b"GET /cart/17 HTTP/1.1\r\nHost: shop\r\nAccept: application/json\r\nCookie: session=0123456789\r\n\r\n"
)


class Answering(asyncio.Protocol):
    """Answers each request after a time; counts them."""

    asked = 0

    def __init__(self, after_s: float) -> None:
        self._after_s = after_s

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # what streams are given
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"GET /asked"):
            self._transport.write(b"%d\n" % Answering.asked)
            return
        Answering.asked += 1
        asyncio.get_running_loop().call_later(self._after_s, self._transport.write, ANSWER)


async def serve_shop(service_ms: float) -> None:
    """Serve, and tell the port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Answering(service_ms / 1000), LOOPBACK, 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def serve_proxy(primary: int, candidate: int) -> None:
    """Serve the proxy, with a mirror if there is a candidate, and tell the port."""
    to_primary = Address(LOOPBACK, primary, None)
    mirror = None
    if candidate:
        to_candidate = Callers(Address(LOOPBACK, candidate, None), 10.0)
        mirror = Mirror(to_candidate, Callers(to_primary, 10.0), Book())
    proxy = Proxy(to_primary, mirror.line if mirror else None)
    print(await proxy.listen(LOOPBACK, 0), flush=True)
    await asyncio.Event().wait()


@contextmanager
def process(*arguments: str) -> Iterator[int]:
    """Start this file as a server; yields its port."""
    words = [sys.executable, "-m", "benchmarks.shadow_overhead", *arguments]
    child = subprocess.Popen(words, stdout=subprocess.PIPE, encoding="utf-8")
    assert child.stdout is not None
    try:
        yield int(child.stdout.readline())
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


@dataclass(frozen=True, slots=True)
class Asking(PlainScenario):
    """Users of a proxy, each with one connection."""

    port: int = 0

    @contextmanager
    def user(self, number: int) -> Iterator[Journey]:
        """Connect."""
        with socket.create_connection((LOOPBACK, self.port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

            def journey(it: Iteration) -> None:
                it.step(STEP, ask, connection)

            yield journey


def ask(connection: socket.socket) -> None:
    """Send the request, read the whole answer."""
    connection.sendall(REQUEST)
    left = len(ANSWER)
    while left > 0:
        got = len(connection.recv(left))
        if not got:
            raise OSError("the proxy closed the connection")
        left -= got


def pair(
    ports: Mapping[str, int], arguments: argparse.Namespace, seed: int
) -> dict[str, NDArray[np.float64]]:
    """Load all proxies in turns, in an order drawn anew; returns the latencies of each in ms."""
    names = random.Random(seed).sample([*ports], len(ports))
    load = Load(
        Poisson(arguments.rate, arguments.seconds, seed),
        workers=USERS,
        warmup=WARMUP,
        max_samples=10**6,
        max_seconds=arguments.seconds,
    )
    scenarios = [Asking(name, journey=_none, steps=(STEP,), port=ports[name]) for name in names]
    found = {
        name: each.samples for name, each in measure([Workload(each, load) for each in scenarios]).items()
    }
    for name, samples in found.items():
        if samples.outcome.any():
            raise SystemExit(f"mirror {name}: {int(samples.outcome.sum())} requests failed")
    return {name: samples.response_ms(STEP) for name, samples in found.items()}


def _none(it: Iteration) -> None:
    """Of nobody: each user has a journey of its own."""


def asked(port: int) -> int:
    """How many requests a shop has answered."""
    with socket.create_connection((LOOPBACK, port)) as connection:
        connection.sendall(b"GET /asked HTTP/1.1\r\n\r\n")
        return int(connection.recv(100))


def told(off: Sequence[NDArray[np.float64]], on: Sequence[NDArray[np.float64]]) -> Iterator[str]:
    """Judge, and say it."""
    for q, margin in MARGINS.items():
        change = gate_blocks(off, on, q=q, delta=margin)
        yield f"p{q * 100:g}: {change.state}: {change.why}; {_medians(off, on, q)}"
    tail = gate_blocks(off, on, q=0.99, delta=1.0)
    bounds = f"[{tail.low - 1:+.1%}, {tail.high - 1:+.1%}]"
    yield f"p99, reported: {tail.ratio - 1:+.1%} {bounds}; {_medians(off, on, 0.99)}"


def _medians(off: Sequence[NDArray[np.float64]], on: Sequence[NDArray[np.float64]], q: float) -> str:
    a, b = (float(np.median([np.quantile(each, q) for each in side])) for side in (off, on))
    return f"{a:.3f} -> {b:.3f} ms"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rate", type=float, default=300.0)
    parser.add_argument("--service-ms", type=float, default=2.0)
    parser.add_argument("--shop", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--proxy", type=int, nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.proxy:
        new_loop().run_until_complete(serve_proxy(*arguments.proxy))
    if arguments.shop is not None:
        os.nice(arguments.shop)
        new_loop().run_until_complete(serve_shop(arguments.service_ms))
    with ExitStack() as stack:
        service = ("--service-ms", str(arguments.service_ms))
        primary = stack.enter_context(process("--shop", "0", *service))
        candidate = stack.enter_context(process("--shop", "15", *service))
        ports = {
            "off": stack.enter_context(process("--proxy", str(primary), "0")),
            "on": stack.enter_context(process("--proxy", str(primary), str(candidate))),
        }
        found: dict[str, list[NDArray[np.float64]]] = {"off": [], "on": []}
        for number in range(arguments.pairs):
            for name, times_ms in pair(ports, arguments, number).items():
                found[name].append(times_ms)
        states = [*told(found["off"], found["on"])]
        print("\n".join(states))
        repeated, sent = asked(candidate), sum(map(len, found["on"])) + arguments.pairs * WARMUP
        print(
            f"{repeated:,} of {sent:,} requests repeated; load {os.getloadavg()[0]:.0f} on {os.cpu_count()} CPUs"
        )
    return 0 if all(State.PASS in each for each in states[: len(MARGINS)]) else 1


if __name__ == "__main__":
    sys.exit(main())
