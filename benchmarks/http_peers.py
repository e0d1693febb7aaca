"""The generators that http_rate.py compares: each asks one server for some seconds, on a core of its own."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

GENERATOR_CORE = 0
LOCUST = str(Path(sys.executable).with_name("locust"))
USERS = """
from locust import FastHttpUser, task
class Asking(FastHttpUser):
    @task
    def ask(self):
        self.client.request({method!r}, {path!r}, data={body!r}, headers={headers!r})
"""
BODY, HEADERS = '{"sku": "sku-1", "quantity": 2}', {"Content-Type": "application/json"}


# Asks for some seconds; returns how many answers were good, None if it is not installed, and its CPU time, if it knows.
Tool = Callable[[float], tuple[int | None, float | None]]


@dataclass(frozen=True)
class Case:
    """What is asked. `file` is its scenario as a TOML file, `has_peers` says whether other tools can ask the same."""

    name: str
    method: str
    path: str
    file: str
    is_tls: bool = False
    has_peers: bool = True


@dataclass(frozen=True)
class Server:
    """nginx, which runs in `folder`."""

    process: psutil.Process
    plain: int
    tls: int
    folder: Path

    def url(self, case: Case) -> str:
        """Return where a case is asked, without its path."""
        return f"https://127.0.0.1:{self.tls}" if case.is_tls else f"http://127.0.0.1:{self.plain}"

    def cpu_s(self) -> float:
        """Return the CPU time of its worker so far."""
        return sum(sum(each.cpu_times()[:2]) for each in self.process.children())


def wrk(server: Server, case: Case, connections: int, seconds: float) -> tuple[int | None, float | None]:
    """Ask by wrk, in one thread."""
    script = server.folder / "ask.lua"
    headers = "".join(f"wrk.headers[{name!r}] = {value!r}\n" for name, value in headers_of(case).items())
    script.write_text(
        f"wrk.method = {case.method!r}\nwrk.body = {body_of(case)!r}\n{headers}", encoding="utf-8"
    )
    load = ("-t1", f"-c{connections}", f"-d{seconds:g}", "-s", str(script))
    said = run(("wrk", *load, server.url(case) + case.path))
    if "Non-2xx" in said:
        raise SystemExit(f"{case.name}: the server does not answer well:\n{said}")
    return found(r"(\d+) requests in", said)


def ab(server: Server, case: Case, connections: int, seconds: float) -> tuple[int | None, float | None]:
    """Ask by ab, with kept connections."""
    body = server.folder / "body"
    body.write_text(body_of(case) or "", encoding="utf-8")
    posting = ("-p", str(body), "-T", "application/json") if case.method == "POST" else ()
    words = ("ab", "-k", "-q", "-c", str(connections), "-t", f"{seconds:g}", "-n", "100000000", *posting)
    return found(r"Complete requests: +(\d+)", run((*words, server.url(case) + case.path)))


def locust(server: Server, case: Case, connections: int, seconds: float) -> tuple[int | None, float | None]:
    """Ask by Locust's fastest client, in one process."""
    file = server.folder / "locustfile.py"
    words = {"method": case.method, "path": case.path, "body": body_of(case), "headers": headers_of(case)}
    file.write_text(USERS.format(**words), encoding="utf-8")
    users = ("-u", str(connections), "-r", str(connections), "-t", f"{seconds:g}s", "--json")
    said = run((LOCUST, "-f", str(file), "--headless", *users, "--host", server.url(case)))
    return sum(each["num_requests"] for each in json.loads(said or "[]")), None


def oha(server: Server, case: Case, connections: int, seconds: float) -> tuple[int | None, float | None]:
    """Ask by oha."""
    posting = (
        ("-m", case.method, "-d", body_of(case) or "", "-T", "application/json") if body_of(case) else ()
    )
    words = ("oha", "--no-tui", "--insecure", "-c", str(connections), "-z", f"{seconds:g}s", *posting)
    return found(r"\[200\] (\d+) responses", run((*words, server.url(case) + case.path)))


def hey(server: Server, case: Case, connections: int, seconds: float) -> tuple[int | None, float | None]:
    """Ask by hey."""
    posting = (
        ("-m", case.method, "-d", body_of(case) or "", "-T", "application/json") if body_of(case) else ()
    )
    words = ("hey", "-c", str(connections), "-z", f"{seconds:g}s", *posting)
    return found(r"\[200\]\s+(\d+) responses", run((*words, server.url(case) + case.path)))


PEERS = {"wrk": wrk, "ab": ab, "Locust FastHttpUser": locust, "oha": oha, "hey": hey}


def ours(
    server: Server, case: Case, model: str, amount: int, seconds: float
) -> tuple[int | None, float | None]:
    """Play the case as a TOML file: by that many users, or at that rate."""
    file = server.folder / "go.toml"
    file.write_text(f"[target]\nverify_tls = false\n{case.file}", encoding="utf-8")
    words = (
        sys.executable,
        "-m",
        "benchmarks.http_rate_ours",
        str(file),
        server.url(case),
        model,
        str(amount),
    )
    requests, cpu_s = run((*words, f"{seconds:g}")).split()
    return int(requests), float(cpu_s)


def run(words: Sequence[str]) -> str:
    """Return what a generator says, which has a core of its own; "" if it is not installed."""
    if not shutil.which(words[0]):
        return ""
    pinned = ("taskset", "-c", str(GENERATOR_CORE), *words)
    return subprocess.run(pinned, capture_output=True, encoding="utf-8", check=False).stdout


def found(pattern: str, said: str) -> tuple[int | None, None]:
    """Return the number that a tool says."""
    number = re.search(pattern, said)
    return (int(number[1]) if number else None), None


def body_of(case: Case) -> str | None:
    """Return what is sent."""
    return BODY if case.method == "POST" else None


def headers_of(case: Case) -> dict[str, str]:
    """Return the headers of what is sent."""
    return HEADERS if case.method == "POST" else {}
