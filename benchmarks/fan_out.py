"""When the last of many WebSocket subscribers has a message: ours beside a bare picows loop and `websockets`.

`python -m benchmarks.fan_out [--subscribers 50 2000 10000] [--messages 100] [--rounds 3]`: a hub on one core sends each
message to all, above 2,000 subscribers a tenth of the messages; the receivers have the other core. All run on uvloop.
Milliseconds from before the hub's first send to the last receipt, medians over all messages of all rounds, the kinds in
turns; CPU is the receivers' per message.
"""

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Coroutine, Iterator, Sequence
from typing import TypeVar

import psutil
from picows import WSListener, WSMsgType, WSTransport, ws_connect, ws_create_server
from websockets.asyncio.client import connect

from benchmarks.figure import Figure
from tailguard.base.fast_loop import new_loop
from tailguard.websocket.messages import Feed
from tailguard.websocket.subscribers import Subscribers

Result = TypeVar("Result")
HUB_CORE, RECEIVER_CORE = 0, 1
GAP_S = {50: 0.02, 2000: 0.1, 10000: 0.5}
MOST_RATIO, MOST_JUDGED = 1.1, 2000
KINDS = ("ours", "bare picows", "websockets")


def main() -> None:
    """Print a table; or be the hub or a receiver, as a process of ours was told."""
    if sys.argv[1:2] == ["hub"]:
        return play(hub(int(sys.argv[2]), int(sys.argv[3])))
    if sys.argv[1:2] == ["receive"]:
        return received(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
    parser = argparse.ArgumentParser()
    parser.add_argument("--subscribers", type=int, nargs="+", default=[*GAP_S])
    parser.add_argument("--messages", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    for each in figures(options.subscribers, options.messages, options.rounds):
        print(f"{each.what:<32} {each.ours:<36} {each.beside}  load {os.getloadavg()[0]:.1f}", flush=True)
    return None


def figures(counts: Sequence[int] = tuple(GAP_S), messages: int = 100, rounds: int = 3) -> Iterator[Figure]:
    """Yield, for each number of subscribers, when the last one has a message, beside the other receivers."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    for count in counts:
        yield _figure(count, messages if count <= MOST_JUDGED else max(messages // 10, 1), rounds)


def _figure(count: int, messages: int, rounds: int) -> Figure:
    waited: dict[str, list[float]] = {kind: [] for kind in KINDS}
    cpu_us: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for _ in range(rounds):
        for kind in KINDS:
            found = played(kind, count, messages)
            waited[kind] += found["ms"]
            cpu_us[kind].append(found["cpu_s"] * 1e6 / (count * messages))
    told = {
        kind: f"{statistics.median(waited[kind]):.2f} ms, {min(cpu_us[kind]):.1f} µs of CPU" for kind in KINDS
    }
    ratio = statistics.median(waited["ours"]) / statistics.median(waited["bare picows"])
    judged = count <= MOST_JUDGED
    return Figure(
        f"the last of {count:,} subscribers",
        told["ours"],
        "; ".join(f"{kind} {told[kind]}" for kind in KINDS[1:]) + f"; {ratio:.2f} x bare picows",
        f"≤ {MOST_RATIO:g} x bare picows" if judged else "",
        ratio <= MOST_RATIO if judged else None,
    )


def played(kind: str, count: int, messages: int) -> dict:
    """Start a hub and receivers of a kind; return what the receivers print."""
    command = [sys.executable, "-m", "benchmarks.fan_out"]
    with subprocess.Popen(
        [*command, "hub", str(count), str(messages)], stdout=subprocess.PIPE, text=True
    ) as sender:
        url = sender.stdout.readline().strip()
        words = [*command, "receive", kind, url, str(count), str(messages)]
        try:
            return json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
        finally:
            sender.terminate()


def play(work: Coroutine[object, object, Result]) -> Result:
    """Run on the loop that the subscribers' process has."""
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(work)


async def hub(count: int, messages: int) -> None:
    """Send `messages` to all once `count` are there; each holds the time at which its sending began."""
    os.sched_setaffinity(0, {HUB_CORE})
    there: list[WSTransport] = []
    complete = asyncio.Event()

    class Member(WSListener):
        def on_ws_connected(self, transport: WSTransport) -> None:
            transport.send(WSMsgType.TEXT, b'{"type":"welcome"}')
            there.append(transport)
            if len(there) == count:
                complete.set()

    server = await ws_create_server(lambda _: Member(), "127.0.0.1", 0, backlog=4096)
    print(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/", flush=True)
    await complete.wait()
    await asyncio.sleep(0.5)
    for _ in range(messages):
        message = b'{"type":"event","padding":"%s","sent_ns":%d}' % (b"x" * 100, time.monotonic_ns())
        for transport in there:
            transport.send(WSMsgType.TEXT, message)
        await asyncio.sleep(GAP_S.get(count, count / 20_000))
    await asyncio.Event().wait()


def received(kind: str, url: str, count: int, messages: int) -> None:
    """Receive everything, and print the milliseconds of each message's last receipt and the CPU of receiving."""
    if kind == "ours":
        last_ns, cpu_s = by_ours(url, count, messages)
    else:
        os.sched_setaffinity(0, {RECEIVER_CORE})
        receive = by_picows if kind == "bare picows" else by_websockets
        last_ns, cpu_s = play(receive(url, count, messages))
    print(json.dumps({"ms": [(last - sent) / 1e6 for sent, last in last_ns.items()], "cpu_s": cpu_s}))


def by_ours(url: str, count: int, messages: int) -> tuple[dict[int, int], float]:
    """Receive as a scenario's subscribers do."""
    feed = Feed(url=url, headers={}, ready_type="welcome", event_type="event", key_path="sent_ns")
    last_ns: dict[int, int] = {}
    with Subscribers(feed, count, cpus=[RECEIVER_CORE], start_timeout_s=60) as subscribers:
        subscribers.follow(lambda receipt: last_ns.update({receipt.key: receipt.ended_ns}))
        before_s = cpu_of(subscribers.pid)
        while len(last_ns) < messages:
            time.sleep(0.05)
        return last_ns, cpu_of(subscribers.pid) - before_s


def cpu_of(pid: int) -> float:
    """Return the seconds of the processor that a process took."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


class Tally:
    """Counts the receipts of each message, as cheaply as can be."""

    def __init__(self, count: int, messages: int) -> None:
        self.expected = count * messages
        self.last_ns: dict[bytes, int] = {}
        self.received = 0
        self.done = asyncio.Event()

    def take(self, payload: bytes) -> None:
        now_ns = time.monotonic_ns()
        if b'"event"' in payload:
            self.last_ns[payload] = now_ns
            self.received += 1
            if self.received == self.expected:
                self.done.set()

    async def result(self) -> tuple[dict[int, int], float]:
        before_s = time.process_time()
        await self.done.wait()
        cpu_s = time.process_time() - before_s
        return {json.loads(payload)["sent_ns"]: last for payload, last in self.last_ns.items()}, cpu_s


async def by_picows(url: str, count: int, messages: int) -> tuple[dict[int, int], float]:
    """Receive with nothing but the library."""
    tally = Tally(count, messages)

    class Bare(WSListener):
        def on_ws_frame(self, transport: WSTransport, frame: object) -> None:
            tally.take(frame.get_payload_as_bytes())

    transports = [(await ws_connect(Bare, url))[0] for _ in range(count)]
    found = await tally.result()
    for transport in transports:
        transport.disconnect()
    return found


async def by_websockets(url: str, count: int, messages: int) -> tuple[dict[int, int], float]:
    """Receive with one task per connection of `websockets`."""
    tally = Tally(count, messages)

    async def listen(connection: object) -> None:
        async for text in connection:
            tally.take(text.encode())

    connections = [await connect(url, compression=None, ping_interval=None) for _ in range(count)]
    listening = [asyncio.create_task(listen(each)) for each in connections]
    found = await tally.result()
    for task in listening:
        task.cancel()
    return found


if __name__ == "__main__":
    main()
