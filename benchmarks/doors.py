"""One shop measured through each door and by a client of its own: do they tell the same times?

    python -m benchmarks.doors [--rate 40] [--seconds 10] [--rounds 2]

The shop's handler sleeps 20 ms. A scenario, a pytest test, a TOML file and an independent client ask it at one rate,
each in turn and again in the other order; a locustfile asks it with as many users as give about that rate. p50 and p95
agree if they are within 5 % plus 0.5 ms of the independent client's: response times, and of Locust, which is closed,
service times. At 2 ms of handler the clients' own cost is shown and not judged.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from textwrap import dedent

import numpy as np
from numpy.typing import NDArray

from benchmarks.locust_overhead import LOCUST, ROOT, verdict
from tailguard.base.errors import TailguardError
from tailguard.base.ports import free_port
from tailguard.record.run import Run

JUDGED_MS, SHOWN_MS = 20, 2
SHARE, FLOOR_MS = 0.05, 0.5
PERCENTILES = (50, 95)
Times = NDArray[np.float64]

SHOP = """
    import asyncio

    async def app(scope, receive, send):
        await asyncio.sleep(int(scope["path"][1:]) / 1000)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}"})
"""
# The lightest client that the standard library has, for both doors of Python.
CLIENT = """
    from http.client import HTTPConnection

    class Client(HTTPConnection):
        def ask(self):
            self.request("GET", "/%(delay)d")
            answer = self.getresponse()
            answer.read()
            return answer
"""
SCENARIO = """
    import tailguard as tg
    from client import Client

    @tg.fixture(scope="user")
    def client(target: tg.Target):
        return Client(target.url.removeprefix("http://"))

    @tg.scenario(rate="%(rate)d/s", slo=["ask p95 <= 10s"])
    def shop(it: tg.Iteration, client: Client):
        it.step("ask", client.ask)
"""
TEST = """
    import threading
    import pytest
    from client import Client

    own = threading.local()

    def ask():
        if not hasattr(own, "client"):
            own.client = Client("%(host)s")
        return own.client.ask()

    @pytest.mark.slo("p95 <= 10s", rate="%(rate)d/s", users=8)
    def test_shop(slo):
        slo(ask)
"""
TOML = """
    [target]
    url = "http://%(host)s"
    [scenario.shop]
    rate = "%(rate)d/s"
    [[scenario.shop.steps]]
    name = "ask"
    path = "/%(delay)d"
    [scenario.shop.slo]
    "ask p95" = "<= 10s"
"""
LOCUSTFILE = """
    from locust import FastHttpUser, constant_throughput, task
    from tailguard.locust import judge

    judge("GET /%(delay)d p95 <= 10s")

    class Shopper(FastHttpUser):
        wait_time = constant_throughput(%(rate)d / 4)

        @task
        def ask(self):
            self.client.get("/%(delay)d")
"""
FILES = {
    "shop.py": SHOP, "client.py": CLIENT, "perf_shop.py": SCENARIO, "test_shop.py": TEST, "shop.toml": TOML,
    "locustfile.py": LOCUSTFILE,
}  # fmt: skip
CLOSED = "3 locustfile (service time)"


def main() -> None:
    """Measure all and print a table for each handler."""
    options = read_options()
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as port:
        for delay in (JUDGED_MS, SHOWN_MS):
            show(delay, measured(Path(folder), port, delay, options))


def measured(folder: Path, port: int, delay: int, options: argparse.Namespace) -> dict[str, Times]:
    """Return the times of each door in ms, and those of the independent client."""
    words = {"delay": delay, "rate": options.rate, "host": f"127.0.0.1:{port}"}
    for name, text in FILES.items():
        if name != "shop.py":
            (folder / name).write_text(dedent(text) % words, encoding="utf-8")
    url, python = f"http://127.0.0.1:{port}", (sys.executable, "-m")
    lasts = ("--duration", f"{options.seconds}s")
    locust = (LOCUST, "--headless", "-u", "4", "-r", "4", "-t", f"{options.seconds}s", "--host", url)
    doors: dict[str, Callable[[], Times]] = {
        "independent client": partial(independent, port, delay, options),
        "1 scenario": partial(
            by, folder, (*python, "tailguard", "run", "perf_shop.py", "--target", url, *lasts)
        ),
        "2 pytest": partial(by, folder, (*python, "pytest", "-q", "test_shop.py")),
        "4 TOML": partial(by, folder, (*python, "tailguard", "run", "shop.toml", *lasts)),
        CLOSED: partial(by, folder, (*locust, "--only-summary"), service=True),
    }
    times: dict[str, list[Times]] = {name: [] for name in doors}
    for number in range(options.rounds):
        for name in [*doors][:: -1 if number % 2 else 1]:
            times[name].append(doors[name]())
    return {name: np.concatenate(each) for name, each in times.items()}


def show(delay: int, times: dict[str, Times]) -> None:
    """Print p50 and p95 of each, and whether they agree."""
    print(f"\nhandler {delay} ms{'':20}{'n':>6}" + "".join(f"{f'p{q}, ms':>12}" for q in PERCENTILES))
    found = {name: np.percentile(each, PERCENTILES, method="inverted_cdf") for name, each in times.items()}
    own = found["independent client"]
    for name, values in found.items():
        good = bool((abs(values - own) <= SHARE * own + FLOOR_MS).all())
        judged = "" if delay == SHOWN_MS or values is own else f"   within 5 % + 0.5 ms: {verdict(good=good)}"
        print(f"{name:<33}{len(times[name]):>6}" + "".join(f"{value:>12.2f}" for value in values) + judged)


def by(folder: Path, words: tuple[str, ...], *, service: bool = False) -> Times:
    """Return the times of a run of ours; whatever its verdict, it has samples."""
    ours = {"TAILGUARD_LOAD__MIN_SAMPLES": "300", "TAILGUARD_RUNS_DIR": str(folder / "runs")}
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **ours}
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False
    )
    try:
        samples = next(iter(Run.load("latest", folder / "runs").samples().values()))
    except TailguardError:
        raise SystemExit(f"{words} ended with {done.returncode}:\n{done.stdout}{done.stderr}") from None
    step = samples.steps[0]
    return samples.service_ms(step) if service else samples.response_ms(step)


def independent(port: int, delay: int, options: argparse.Namespace) -> Times:
    """Ask at the rate from a loop of its own, eight connections; times run from the intended start."""

    async def play() -> list[float]:
        free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        for _ in range(8):
            free.put_nowait(await asyncio.open_connection("127.0.0.1", port))
        times: list[float] = []

        async def ask(due_s: float) -> None:
            reader, writer = await free.get()
            writer.write(f"GET /{delay} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            await reader.readuntil(b"\r\n\r\n{}")
            times.append((time.monotonic() - due_s) * 1e3)
            free.put_nowait((reader, writer))

        began_s, tasks = time.monotonic(), []
        for number in range(options.rate * options.seconds):
            due_s = began_s + number / options.rate
            await asyncio.sleep(max(0.0, due_s - time.monotonic() - 0.002))
            while time.monotonic() < due_s:  # noqa: ASYNC110  # the timers of the loop are 1 ms coarse
                await asyncio.sleep(0)
            tasks.append(asyncio.create_task(ask(due_s)))
        await asyncio.gather(*tasks)
        return times

    return np.array(asyncio.run(play()))


@contextmanager
def served(folder: Path) -> Iterator[int]:
    """Serve the shop by uvicorn; yields its port."""
    port = free_port()
    (folder / "shop.py").write_text(dedent(SHOP), encoding="utf-8")
    words = ("-m", "uvicorn", "shop:app", "--lifespan", "off", "--log-level", "warning", "--port", str(port))
    process = subprocess.Popen([sys.executable, *words], cwd=folder)
    try:
        while True:
            try:
                asyncio.run(asyncio.wait_for(asyncio.open_connection("127.0.0.1", port), 5))
                break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        process.kill()
        process.wait()


def read_options() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=int, default=40, help="requests per second")
    parser.add_argument("--seconds", type=int, default=10, help="length of each measurement")
    parser.add_argument("--rounds", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
