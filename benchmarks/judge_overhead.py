"""What the line `judge(...)` costs in a locustfile: CPU per request and requests per second, with it and without.

    python -m benchmarks.judge_overhead [--pairs 60] [--seconds 1] [--user fast|http]

Two generators run the same locustfile, one of them with the line: one GET an iteration, no think time, 8 users, one
process. Each is stopped while the other one plays, in short turns of random order, so that both meet the same noise of
the machine; the server counts their requests. Requests per second are judged by our own gate, as time per request.
"""

import argparse
import os
import random
import signal
import statistics
import subprocess
import tempfile
import time
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
    """Measure both generators and print their ratios."""
    options = read_options()
    with ExitStack() as stack:
        port, folder = stack.enter_context(server()), Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sides = {}
        for path, line in (("plain", ""), ("judge", LINE)):
            sides[path] = Generator(path, line, port, folder, USERS[options.user])
            stack.callback(end, sides[path].process)
        for _ in range(options.pairs):
            for side in random.sample([*sides.values()], 2):
                side.turn(options.seconds)
    show(*(np.array(sides[path].costs).T for path in ("plain", "judge")), user=USERS[options.user])


def show(plain: np.ndarray, judged: np.ndarray, *, user: str) -> None:
    """Print what was found; `plain` and `judged` have CPU and wall seconds per request of each turn, shape (2, n)."""
    ratios = judged[0] / plain[0]
    spread = statistics.quantiles(ratios, n=10)
    median = statistics.median(ratios)
    print(
        f"CPU per request of {user}: {np.median(plain[0]) * 1e6:.1f} us, with the line {median - 1:+.1%} (median of "
        f"{len(ratios)} pairs; 10 to 90 %: {spread[0] - 1:+.1%} to {spread[-1] - 1:+.1%}; aim: at most "
        f"{MOST_CPU:+.0%}): {verdict(good=median <= 1 + MOST_CPU)}"
    )
    least = [float(np.percentile(side[0], 10)) for side in (plain, judged)]
    ratio = least[1] / least[0]  # what else runs on the machine only adds
    print(
        f"CPU per request in the quietest tenth of turns: {least[0] * 1e6:.1f} us, with the line {ratio - 1:+.1%}"
    )
    blocks = [[[each * 1e3] for each in side[1]] for side in (plain, judged)]
    change = gate_blocks(*blocks, q=0.5, delta=MOST_TIME)
    print(f"time per request: {change.state} at {MOST_TIME:.0%}: {change.why}")


def read_options() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a turn")
    parser.add_argument("--user", choices=[*USERS], default="fast")
    return parser.parse_args()


if __name__ == "__main__":
    main()
