"""What our recorder costs inside Locust, and how fast 10 million samples merge.

    python -m benchmarks.locust_overhead [--seconds 10] [--rounds 5] [--rows 10000000]

All sides run the same users (one POST an iteration, no think time, 8 users, one process) against the same small
server, in turns: `ours` with our iterations and recorder, `bare` the same without them (the same connections, the same
event for locust's own table), `plain` locust's FastHttpUser as it comes. What counts is the ratio of throughputs in one
round; absolute numbers are this machine's. The merge is timed in a process of its own, whose peak memory is read.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import textwrap
from pathlib import Path

from benchmarks.small_server import server

ROOT = Path(__file__).resolve().parent.parent
LOCUST = str(Path(sys.executable).with_name("locust"))

# The same iteration for all: one POST, its answer parsed. `ours` adds what Tailguard adds, `plain` is Locust's own way.
USERS = """
import json, sys, time
sys.path.insert(0, {root!r})
from urllib.parse import urlsplit
from locust import FastHttpUser, User, constant, events, task
from tailguard.base.clock import MonotonicClock
from tailguard.engine.workload import PlainScenario
from tailguard.http.tls import Tls
from tailguard.locust.http import fast_connections
from tailguard.locust.worker.arrival_shard import ClosedShard
from tailguard.locust.worker.scenario_executor import ScenarioExecutor
from tailguard.locust.worker.table import teller
from tailguard.suite.run import Run, Shard

BODY = json.dumps({{"tournament_id": 1}}).encode()
HEADERS = {{"Content-Type": "application/json"}}

class Platform:
    def __init__(self, host):
        self.base, self.connections = urlsplit(host), fast_connections(Tls())
    def register(self):
        status, _, content = self.connections.exchange(self.base, "POST", "/register", BODY, HEADERS)
        if status != 200:
            raise OSError(status)
        return json.loads(content)

PLATFORMS, EXECUTORS = [], []

class KeptUser(User):
    abstract = True
    wait_time = constant(0)
    def on_start(self):
        if not PLATFORMS:
            PLATFORMS.append(Platform(self.host))

class OursUser(KeptUser):
    def on_start(self):
        super().on_start()
        if not EXECUTORS:
            register = PLATFORMS[0].register
            scenario = PlainScenario("registration", lambda it: it.step("register", register), ("register",))
            clock, tell = MonotonicClock(), teller(events.request.fire)
            shard = Shard()
            EXECUTORS.append(
                ScenarioExecutor(scenario, ClosedShard(shard, clock), clock, tell, run=Run("r", 1), shard=shard))
        self.lifetime = EXECUTORS[0].user()
        self.virtual_user = self.lifetime.__enter__()
    @task
    def iteration(self):
        EXECUTORS[0].play(self.virtual_user)

class BareUser(KeptUser):
    def on_start(self):
        super().on_start()
        self.tell = teller(events.request.fire)
    @task
    def iteration(self):
        began_ns = time.monotonic_ns()
        PLATFORMS[0].register()
        self.tell("registration.register", (time.monotonic_ns() - began_ns) / 1e6, "")

class PlainUser(FastHttpUser):
    wait_time = constant(0)
    concurrency = 1
    @task
    def iteration(self):
        answer = self.client.post("/register", data=BODY, headers=HEADERS, name="registration.register")
        if answer.status_code != 200:
            raise OSError(answer.status_code)
        json.loads(answer.content)
"""

MERGE = """
import json, resource, sys, time
import numpy as np
from tailguard.locust.master.inbox import Inbox
from tailguard.locust.messages import Chunk, Ledger
from tailguard.locust.worker.outbox import CHUNK_ROWS
from tailguard.locust.clock import ClockPair
from tailguard.engine.recorder import ROW
rows, workers = int(sys.argv[1]), 4
inbox, rng = Inbox("run"), np.random.default_rng(1)
for worker in range(workers):
    left, number, at = rows // workers, 0, 0
    while left:
        size = min(CHUNK_ROWS, left)
        table = np.zeros(size, ROW)
        begun = at + np.cumsum(rng.integers(0, 2_000, size))
        at = int(begun[-1])
        table["instants"] = np.column_stack([begun, begun, begun + rng.integers(10**6, 10**8, size)])
        chunk = Chunk(run="run", number=number, scenario="s", rows=table.tobytes(), steps=("step",), errors=("",))
        inbox.take_chunk(f"w{worker}", chunk)
        left, number = left - size, number + 1
    ledger = Ledger(run="run", chunks=number, rows={"s": rows // workers}, watched={}, clock=ClockPair.now(),
        scenarios={}, notes={}, load=None)
    inbox.take_ledger(f"w{worker}", ledger)
began = time.perf_counter()
samples = inbox.samples("s", last=True)
took = time.perf_counter() - began
unit = 1 if sys.platform == "darwin" else 1024
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
assert len(samples) == rows and not inbox.faults() and bool((np.diff(samples.intended_ns) >= 0).all())
print(json.dumps({"seconds": took, "peak_bytes": peak}))
"""


SIDES = ("ours", "bare", "plain")


# What an iteration costs beside its request, on a platform that does nothing: without locust's event.
ITERATION = """
import json, time
from tailguard.base.clock import MonotonicClock
from tailguard.engine.workload import PlainScenario
from tailguard.locust.worker.arrival_shard import ClosedShard
from tailguard.locust.worker.scenario_executor import ScenarioExecutor
from tailguard.suite.run import Run, Shard
platform = lambda: None
scenario = PlainScenario("s", lambda it: it.step("step", platform), ("step",))
clock, shard, best = MonotonicClock(), Shard(), float("inf")
executor = ScenarioExecutor(
    scenario, ClosedShard(shard, clock), clock, lambda *_: None, run=Run("r", 1), shard=shard)
with executor.user() as user:
    for _ in range(30):
        began = time.perf_counter()
        for _ in range(5_000):
            executor.play(user)
        best = min(best, (time.perf_counter() - began) / 5_000)
print(json.dumps(best * 1e6))
"""


def main() -> None:
    """Measure all and print a table."""
    options = read_options()
    rates: dict[str, list[float]] = {side: [] for side in SIDES}
    with server() as port:
        for number in range(options.rounds):
            for side in SIDES[number % 3 :] + SIDES[: number % 3]:  # none is always the one that runs first
                rates[side].append(throughput(side, port, options.seconds))
    print(f"{'users':<10}{'requests/s, median':>20}")
    for side, values in rates.items():
        each = ", ".join(f"{value:.0f}" for value in values)
        print(f"{side:<10}{statistics.median(values):>20.0f}   each: {each}")
    for other in SIDES[1:]:
        ratios = [ours / theirs for ours, theirs in zip(rates["ours"], rates[other], strict=True)]
        ratio = statistics.median(ratios)
        print(
            f"ours / {other}, median of {len(ratios)}: {ratio:.3f} (aim: at least 0.97): {verdict(good=ratio >= 0.97)}"
        )
    ours_us, bare_us = json.loads(run([sys.executable, "-c", ITERATION])), 1e6 / max(rates["bare"])
    print(
        f"Iteration and recorder alone: {ours_us:.1f} us, {ours_us / bare_us:.1%} of the fastest bare iteration "
        f"({bare_us:.0f} us, aim: at most 3 %): {verdict(good=ours_us / bare_us <= 0.03)}"
    )
    merged = json.loads(run([sys.executable, "-c", MERGE, str(options.rows)]))
    good = merged["seconds"] < 5 and merged["peak_bytes"] < 2**30
    print(
        f"merge of {options.rows:,} samples from 4 workers: {merged['seconds']:.2f} s (aim: under 5), peak memory "
        f"{merged['peak_bytes'] / 2**20:.0f} MiB (aim: under 1024): {verdict(good=good)}"
    )


def read_options() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=10, help="length of each side's run")
    parser.add_argument("--rounds", type=int, default=5, help="pairs of runs")
    parser.add_argument("--rows", type=int, default=10_000_000, help="samples to merge")
    return parser.parse_args()


def throughput(side: str, port: int, seconds: int) -> float:
    """Return requests per second of one side's run, without its first fifth."""
    file = Path(os.environ.get("TMPDIR", "/tmp")) / f"tailguard-overhead-{os.getpid()}.py"
    file.write_text(textwrap.dedent(USERS).format(root=str(ROOT)), encoding="utf-8")
    try:
        words = [
            "-f",
            str(file),
            f"{side.capitalize()}User",
            "--headless",
            "-u",
            "8",
            "-r",
            "8",
            "-t",
            f"{seconds}s",
            "--json",
        ]
        entries = json.loads(
            run([LOCUST, *words, "--host", f"http://127.0.0.1:{port}", "--loglevel", "ERROR"])
        )
    finally:
        file.unlink()
    [entry] = entries
    by_second = [
        count for _, count in sorted(entry["num_reqs_per_sec"].items(), key=lambda item: int(item[0]))
    ]
    steady = by_second[max(1, len(by_second) // 5) : -1]
    return statistics.mean(steady)


def run(words: list[str]) -> str:
    """Run a command and return what it printed; where it fails, end with its errors."""
    done = subprocess.run(words, capture_output=True, encoding="utf-8", check=False, cwd=ROOT)
    if done.returncode:
        raise SystemExit(f"{words[0]} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout


def verdict(*, good: bool) -> str:
    """Say it in a word."""
    return "holds" if good else "DOES NOT HOLD"


if __name__ == "__main__":
    main()
