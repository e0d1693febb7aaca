"""A small suite under Locust, a master and workers of it, and peers who want to join that nobody asked."""

import socket
import subprocess
import time
from textwrap import dedent

import msgpack
import psutil
import zmq

from tailguard.base.ports import free_port
from tailguard.locust.curve import seal_worker
from tailguard.locust.messages import packed
from tailguard.locust.run_key import RunKey
from tailguard.record.run import Run
from tests.support.locust_runs import LOCUST, end

SUITE = """
    import time

    import tailguard as tg


    @tg.fixture(scope="run")
    def ticket() -> str:
        return "a-ticket-for-workers-only"


    @tg.scenario(slo=["buy p50 <= 5s", "error rate < 50%"])
    def shop(it: tg.Iteration, ticket: str):
        it.step("buy", time.sleep, 0.002)
"""
USERS = """
    from tailguard.locust import users

    globals().update(users(__file__))
"""


class Shop:
    """A suite in a folder of its own, and Locust's processes on it, which end with the test."""

    def __init__(self, folder, environment, stack):
        (folder / "scenarios").mkdir()
        (folder / "scenarios" / "shop.py").write_text(dedent(SUITE), encoding="utf-8")
        (folder / "scenarios" / "locust_users.py").write_text(dedent(USERS), encoding="utf-8")
        (folder / "tailguard.toml").write_text('[suite]\nscenarios = ["scenarios"]\n', encoding="utf-8")
        self.folder, self.stack, self.port = folder, stack, free_port()
        kept = {
            key: value for key, value in environment.items() if not key.startswith(("LOCUST_", "TAILGUARD_"))
        }
        self.environment = {**kept, "XDG_STATE_HOME": str(folder / "state")}

    def start(self, name, *words, **environment):
        log = self.stack.enter_context((self.folder / f"{name}.log").open("w", encoding="utf-8"))
        process = subprocess.Popen(
            [LOCUST, "-f", "scenarios/locust_users.py", *words],
            cwd=self.folder,
            env={**self.environment, **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.stack.callback(end, process)
        return process

    def master(self, *words, seconds=3, workers=1, **environment):
        """A master that waits for its workers, and then runs so many seconds."""
        ours = ("--master", f"--expect-workers={workers}", f"--master-bind-port={self.port}")
        return self.start("master", *ours, *self.load(seconds), *words, **environment)

    def worker(self, name="worker", **environment):
        return self.start(
            name, "--worker", "--master-host=127.0.0.1", f"--master-port={self.port}", **environment
        )

    def load(self, seconds):
        return ("--headless", "--only-summary", "-u", "4", "-r", "4", "-t", f"{seconds}s")

    def listening(self, process, limit_s=30):
        """Wait until it listens; return the addresses."""
        until_s = time.monotonic() + limit_s
        while time.monotonic() < until_s:
            found = [
                each.laddr for each in psutil.Process(process.pid).net_connections("tcp") if not each.raddr
            ]
            if found:
                return {address.ip for address in found}
            assert process.poll() is None, self.log("master")
            time.sleep(0.05)
        raise TimeoutError(self.log("master"))

    def log(self, name):
        return (self.folder / f"{name}.log").read_text(encoding="utf-8")

    def run(self):
        return Run.load("latest", self.folder / "runs")

    @property
    def own_key(self):
        """The key that this user's processes share."""
        return (self.folder / "state" / "tailguard" / "run-key").read_text(encoding="ascii")


class Peer:
    """Speaks Locust's protocol to a master: with a run key, or as a stranger without."""

    def __init__(self, port, stack, name="stranger", key=None):
        self.name, self.said = name, 0
        context = stack.enter_context(zmq.Context())
        self.socket = stack.enter_context(context.socket(zmq.DEALER))
        self.socket.linger = 0
        self.socket.setsockopt(zmq.IDENTITY, name.encode())
        if key:
            seal_worker(self.socket, RunKey(key, given=True))
        self.socket.connect(f"tcp://127.0.0.1:{port}")

    def say(self, kind, data=None, name=None):
        self.socket.send(msgpack.dumps((kind, data, name or self.name)))

    def tells(self, message):
        """Say something of ours."""
        self.say("tailguard.to_master", packed(message))

    def hears(self, seconds):
        """Yield what comes within so many seconds: kind and data."""
        until_s = time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0:
            if self.socket.poll(left_s * 1000):
                kind, data, _ = msgpack.loads(self.socket.recv(), strict_map_key=False)
                yield kind, data


def shout(port, noise):
    """Send bytes that follow no protocol to a port."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(noise)
