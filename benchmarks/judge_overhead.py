"""What the line `judge(...)` costs in a locustfile: CPU per request and requests per second, with it and without.

    python -m benchmarks.judge_overhead [--pairs 20] [--turns 15] [--seconds 0.2] [--user fast|http]

A pair is two fresh generators that run the same locustfile, one of them with the line: one GET an iteration, no think
time, 8 users, one process. Each is stopped while the other one plays, in short turns of random order, so that both meet
the same noise of the machine; the server counts their requests. Fresh ones, because a process keeps a speed of its own
for life: one pair of processes alone said +0.5 % and +4.1 % of the same code. Requests per second are judged by our own
gate, as time per request.
"""

import argparse
import os
import random
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from urllib.request import urlopen

import numpy as np

from benchmarks.locust_overhead import LOCUST, ROOT, verdict
from benchmarks.small_server import end, server
from tailguard.compare.gate import gate_blocks

MOST_CPU, MOST_TIME = 0.03, 0.05
# What comes before is not measured: connections, first names, first sends.
HEAD, READY_S = 2000, 120.0
FEWEST = 200

FILE = """
from locust import FastHttpUser, HttpUser, constant, task
{line}

class Shopper({user}):
    wait_time = constant(0)
    @task
    def ask(self):
        self.client.get("/{path}")
"""
LINE = 'from tailguard.locust import judge; judge("GET /judge p95 <= 120ms", "error rate < 1%")'
USERS = {"fast": "FastHttpUser", "http": "HttpUser"}


class Generator:
    """Locust on one of the two files; stopped except in its turns."""

    def __init__(self, path: str, line: str, port: int, folder: Path, user: str) -> None:
        self.costs: list[tuple[float, float]] = []  # CPU and wall seconds per request, one pair a turn
        self._asked = f"http://127.0.0.1:{port}/asked/{path}"
        file = folder / f"{path}.py"
        file.write_text(FILE.format(line=line, user=user, path=path), encoding="utf-8")
        words = ["--headless", "-u", "8", "-r", "8", "--host", f"http://127.0.0.1:{port}", "--only-summary"]
        self.process = subprocess.Popen(
            [LOCUST, "-f", str(file), *words, "--loglevel", "ERROR"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            encoding="utf-8",
        )
        until_s = time.monotonic() + READY_S
        while self.asked() < HEAD and time.monotonic() < until_s and self.process.poll() is None:
            time.sleep(0.1)
        if self.asked() < HEAD:
            raise SystemExit(f"{file.name} asked {self.asked()} times in {READY_S:g} s, and not {HEAD}")
        self.process.send_signal(signal.SIGSTOP)

    def asked(self) -> int:
        """Return how many requests of it came."""
        with urlopen(self._asked) as answer:
            return int(answer.read())

    def turn(self, seconds: float) -> None:
        """Let it play for so long, or longer if it asked too little in that time."""
        asked, cpu_ns, began_s = self.asked(), self._cpu_ns(), time.monotonic()
        self.process.send_signal(signal.SIGCONT)
        time.sleep(seconds)
        while self.asked() < asked + FEWEST:
            time.sleep(seconds / 10)
        self.process.send_signal(signal.SIGSTOP)
        wall_s, cpu_ns = time.monotonic() - began_s, self._cpu_ns() - cpu_ns
        asked = self.asked() - asked
        self.costs.append((cpu_ns / 1e9 / asked, wall_s / asked))

    def _cpu_ns(self) -> int:
        """Return the CPU time of all its threads. Linux alone tells it to the nanosecond."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text("ascii").split()[0]) for task in tasks)


def main() -> None:
    """Measure pairs of generators and print their ratios."""
    options = read_options()
    with ExitStack() as stack:
        port = stack.enter_context(server())
        pairs = [pair_of(port, options) for _ in range(options.pairs)]
    plain, judged = zip(*pairs, strict=True)
    show(plain, judged, user=USERS[options.user])


def pair_of(port: int, options: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    """Return CPU and wall seconds per request of each turn, shape (2, turns): without the line, and with it."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sides = []
        for path, line in (("plain", ""), ("judge", LINE)):
            sides.append(Generator(path, line, port, folder, USERS[options.user]))
            stack.callback(end, sides[-1].process)
        for _ in range(options.turns):
            for side in random.sample(sides, 2):
                side.turn(options.seconds)
    return np.array(sides[0].costs).T, np.array(sides[1].costs).T


def show(plain: Sequence[np.ndarray], judged: Sequence[np.ndarray], *, user: str) -> None:
    """Print what was found; each pair as `pair_of` returns it."""
    ratios = [float(np.median(b[0] / a[0])) for a, b in zip(plain, judged, strict=True)]
    spread, median = statistics.quantiles(ratios, n=10), statistics.median(ratios)
    cpu_us = float(np.median([np.median(each[0]) for each in plain])) * 1e6
    print(
        f"CPU per request of {user}: {cpu_us:.1f} us, with the line {median - 1:+.1%} (median of {len(ratios)} pairs; "
        f"10 to 90 %: {spread[0] - 1:+.1%} to {spread[-1] - 1:+.1%}; aim: at most {MOST_CPU:+.0%}): "
        f"{verdict(good=median <= 1 + MOST_CPU)}"
    )
    blocks = [[each[1] * 1e3 for each in side] for side in (plain, judged)]
    change = gate_blocks(*blocks, q=0.5, delta=MOST_TIME)
    print(f"time per request: {change.state} at {MOST_TIME:.0%}: {change.why}")


def read_options() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--turns", type=int, default=15, help="of each generator in a pair")
    parser.add_argument("--seconds", type=float, default=0.2, help="length of a turn")
    parser.add_argument("--user", choices=[*USERS], default="fast")
    return parser.parse_args()


if __name__ == "__main__":
    main()
