"""Locust runs for the tests: a served platform, a master and workers as processes of their own."""

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import urllib.request
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tailguard.base.ports import LOOPBACK, free_port
from tailguard.record.run import Run
from tests.support.busy_machine import earned
from tests.support.waiting import eventually

ROOT = Path(__file__).resolve().parent.parent.parent
LOCUST = str(Path(sys.executable).with_name("locust"))
TAILGUARD = str(Path(sys.executable).with_name("tailguard"))
LIMIT_S = 150


@contextmanager
def served_platform():
    """`tailguard serve` on a free port; yields (url, environment with its secret)."""
    environment = {**os.environ, "DELTACROWN_SECRET": secrets.token_hex(32)}
    process = subprocess.Popen(
        [TAILGUARD, "serve", "--port", "0"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        for line in process.stdout:
            if found := re.search(r"reference platform: (http\S+)", line):
                yield found[1], environment
                return
        raise RuntimeError("the platform did not start")
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        process.stdout.close()


class Processes:
    """Locust processes that end with the test."""

    def __init__(self, folder, url, environment, stack):
        self.folder, self.url, self.stack = folder, url, stack
        kept = {key: value for key, value in environment.items() if not key.startswith("LOCUST_")}
        self.environment = {**kept, "XDG_STATE_HOME": str(folder / "state")}
        self.runs = folder / "runs"
        self.port = free_port()

    def start(self, name, *words, environment=None, cwd=ROOT):
        log = (self.folder / f"{name}.log").open("w", encoding="utf-8")
        self.stack.callback(log.close)
        process = subprocess.Popen(
            [LOCUST, "-f", "scenarios", *words],
            cwd=cwd,
            env={**self.environment, **(environment or {})},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.stack.callback(end, process)
        return process

    def alone(self, name, *words, **options):
        return self.start(name, *self._ours(), *words, **options)

    def master(self, *words, workers=4):
        return self.start(
            "master",
            *self._ours(),
            "--master",
            f"--expect-workers={workers}",
            f"--master-bind-port={self.port}",
            *words,
        )

    def worker(self, name, *words, **options):
        ours = ("--worker", "--master-host=127.0.0.1", f"--master-port={self.port}")
        return self.start(name, *ours, *words, **options)

    def log(self, name):
        return (self.folder / f"{name}.log").read_text(encoding="utf-8")

    def wait_for_users(self):
        """Wait until the master has spawned all; on a busy machine it may not have every worker's word for it yet."""
        self.wait_for("All users spawned|Spawning is complete")

    def wait_for(self, words, limit_s=LIMIT_S):
        """Wait until the master has said this."""
        eventually(lambda: re.search(words, self.log("master")), limit_s, log=lambda: self.log("master"))

    def ends(self, process, name, *codes):
        """Wait for the end, with one of these exit codes as far as the machine was quiet enough."""
        code = process.wait(LIMIT_S)
        assert code in codes or earned(code, self.run().record) in codes, self.log(name)

    def run(self):
        return Run.load("latest", self.runs)

    def _ours(self):
        return (
            *(("--host", self.url) if self.url else ()),
            "--headless",
            "--only-summary",
            "--tailguard-set",
            f"runs_dir={self.runs}",
            "--tailguard-set",
            "load.warmup=3",
        )


def rows_of_tab(port):
    """What the tab of locust's page shows of objectives with samples; nothing as long as there is no page."""
    with suppress(OSError):
        page = urllib.request.urlopen(f"http://{LOOPBACK}:{port}/stats/requests")
        [table] = json.load(page)["extended_stats"]
        return [row for row in table["data"] if row["n"] not in {"0", ""}]
    return []


@contextmanager
def processes(folder, url, environment):
    with ExitStack() as stack:
        yield Processes(folder, url, environment, stack)


def end(process):
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(60)


def objectives_file(folder, limit):
    path = folder / "objectives.toml"
    path.write_text(
        f'[defaults]\ndependence = "independent"\n[scenarios.registration]\nstep = "register"\np95 = "<= {limit}"\n',
        encoding="utf-8",
    )
    return str(path)
