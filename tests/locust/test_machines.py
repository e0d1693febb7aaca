"""Workers that reach the master over a network of their own: separate network namespaces, where the machine allows."""

import os
import re
import secrets
import shutil
import signal
import subprocess
from contextlib import ExitStack, contextmanager

import pytest

from tests.support.locust_runs import LOCUST, ROOT, TAILGUARD, end, processes

pytestmark = pytest.mark.proof
WORKERS = 2


def ip(*words, check=True):
    return subprocess.run(["ip", *words], check=check, capture_output=True, encoding="utf-8")


@contextmanager
def namespaces(count):
    """Namespaces joined to this machine by a bridge; yields (our address, their names). Skips where it may not."""
    tag = f"tg{secrets.token_hex(2)}"
    if not shutil.which("ip") or ip("netns", "add", f"{tag}p", check=False).returncode:
        pytest.skip("this machine does not allow network namespaces")
    ip("netns", "del", f"{tag}p")
    net = f"10.{231 + os.getpid() % 20}.{secrets.randbelow(250)}"
    with ExitStack() as stack:
        if ip("link", "add", f"{tag}br", "type", "bridge", check=False).returncode:
            pytest.skip("this machine has no network bridges")
        stack.callback(ip, "link", "del", f"{tag}br", check=False)
        ip("addr", "add", f"{net}.1/24", "dev", f"{tag}br")
        ip("link", "set", f"{tag}br", "up")
        names = [f"{tag}n{number}" for number in range(count)]
        for number, name in enumerate(names):
            ip("netns", "add", name)
            stack.callback(ip, "netns", "del", name, check=False)
            ip("link", "add", f"{name}o", "type", "veth", "peer", "name", f"{name}i")
            ip("link", "set", f"{name}o", "master", f"{tag}br", "up")
            ip("link", "set", f"{name}i", "netns", name)
            ip("-n", name, "addr", "add", f"{net}.{number + 2}/24", "dev", f"{name}i")
            ip("-n", name, "link", "set", f"{name}i", "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield f"{net}.1", names


@contextmanager
def served_on(host):
    environment = {**os.environ, "DELTACROWN_SECRET": secrets.token_hex(32)}
    words = [TAILGUARD, "serve", "--host", host, "--port", "0"]
    process = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, encoding="utf-8")
    try:
        line = next(line for line in process.stdout if "reference platform: http" in line)
        yield re.search(r"http\S+", line)[0], environment
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        process.stdout.close()


def test_workers_in_network_namespaces_of_their_own_are_one_run(tmp_path):
    with ExitStack() as stack:
        address, names = stack.enter_context(namespaces(WORKERS))
        url, environment = stack.enter_context(served_on(address))
        environment["TAILGUARD_RUN_KEY"] = secrets.token_hex(32)
        locust = stack.enter_context(processes(tmp_path, url, environment))
        master = locust.master(
            f"--master-bind-host={address}",
            "-u",
            "4",
            "-r",
            "4",
            "-t",
            "6s",
            "RegistrationUser",
            workers=WORKERS,
        )
        for name in names:
            words = [
                "ip",
                "netns",
                "exec",
                name,
                LOCUST,
                "-f",
                "scenarios",
                "--worker",
                f"--master-host={address}",
            ]
            log = stack.enter_context((tmp_path / f"{name}.log").open("w", encoding="utf-8"))
            options = {
                "cwd": ROOT,
                "env": environment,
                "stdout": log,
                "stderr": subprocess.STDOUT,
                "start_new_session": True,
            }
            worker = subprocess.Popen([*words, f"--master-port={locust.port}"], **options)
            stack.callback(end, worker)
        locust.ends(master, "master", 0, 75)
        record = locust.run().record
        assert len(record.locust.workers) == WORKERS
        assert record.locust.faults == ()
        assert record.scenarios["registration"].counts.ok > 20
