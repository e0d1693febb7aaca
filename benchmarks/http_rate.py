"""Requests per second of one core, beside the tools that people know: all against one nginx, in one run.

    python -m benchmarks.http_rate [--seconds 5] [--connections 32 256] [--rounds 2]

nginx has one core, the generator the other. Each tool has its turn, forwards and backwards, and the median of its turns
is shown: requests per second, the generator's CPU for a request, and how busy nginx's core was. If that is over 90 %,
nginx is the limit: compare the CPU. That of Locust has its start in it, and that of `ours, open` the looking at the
clock before each start. `ours, open` offers 90 % of what `ours, closed` reached.

A tool that is not installed is left blank, as is what a tool cannot do: no other one substitutes values and saves one
of an answer, so those rows are held against wrk's of a fixed request.
"""

import argparse
import os
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil

from benchmarks.figure import Figure
from benchmarks.http_peers import PEERS, Case, Server, Tool, ours
from tailguard.base.ports import free_port

SERVER_CORE = 1
BUSY = 0.9
# Shares of wrk's requests per second on one core.
AIMS = {"GET, 100 bytes": 0.9, "two values and a saved one": 0.5}
NGINX = """
daemon off; pid nginx.pid; error_log error.log; worker_processes 1;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 3600;
  client_body_temp_path t; proxy_temp_path t; fastcgi_temp_path t; uwsgi_temp_path t; scgi_temp_path t;
  server {{
    listen 127.0.0.1:{plain}; {tls}
    location /small {{ default_type text/plain; return 200 "{small}"; }}
    location /json {{ default_type application/json; return 200 '{{"id": 7, "state": "open"}}'; }}
    location /large {{ alias {folder}/large; default_type text/plain; }}
  }}
}}
"""
TLS = "listen 127.0.0.1:{port} ssl; ssl_certificate cert.pem; ssl_certificate_key key.pem;"
STEP = '[[scenario.go.steps]]\nname = "{name}"\nmethod = "{method}"\npath = "{path}"\n'
CASES = (
    Case("GET, 100 bytes", "GET", "/small", STEP.format(name="go", method="GET", path="/small")),
    Case("GET, 10 KiB", "GET", "/large", STEP.format(name="go", method="GET", path="/large")),
    Case(
        "POST with JSON",
        "POST",
        "/json",
        STEP.format(name="go", method="POST", path="/json") + 'body = { sku = "sku-1", quantity = 2 }\n',
    ),
    Case("GET by TLS", "GET", "/small", STEP.format(name="go", method="GET", path="/small"), is_tls=True),
    Case(
        "two values and a saved one",
        "GET",
        "/json",
        '[rows.item]\ngenerate = { id = "1..10000", sku = "sku-{id}" }\nuse = "cycle"\n'
        + STEP.format(name="go", method="GET", path="/json/{item.sku}")
        + 'query = { n = "{item.id}" }\nsave = { cart = "json.id" }\n'
        + STEP.format(name="then", method="GET", path="/json/{cart}"),
        has_peers=False,
    ),
)


@dataclass(frozen=True)
class Turn:
    """What one tool reached: requests, the generator's CPU, and the share of its time that nginx's core was busy."""

    per_s: float
    cpu_us: float
    server_busy: float


def main() -> None:
    """Measure all and print a table for each case."""
    options = read_options()
    with tempfile.TemporaryDirectory() as folder, nginx(Path(folder)) as server:
        for case in CASES:
            if case.is_tls and not server.tls:
                continue
            for connections in options.connections:
                show(case, connections, measured(server, case, connections, options))
    print(f"\nload of the machine at the end: {os.getloadavg()[0]:.1f}")


def figures(seconds: float = 4.0, connections: int = 32, rounds: int = 2) -> Iterator[Figure]:
    """Yield the rates of each case, at one number of connections."""
    options = argparse.Namespace(seconds=seconds, rounds=rounds)
    with tempfile.TemporaryDirectory() as folder, nginx(Path(folder)) as server:
        for case in CASES:
            if case.is_tls and not server.tls:
                continue
            turns = {
                name: middle(each)
                for name, each in measured(server, case, connections, options).items()
                if each
            }
            yield _figure(case, connections, turns)


def _figure(case: Case, connections: int, turns: Mapping[str, Turn]) -> Figure:
    told = {name: f"{turn.per_s:,.0f}/s, {turn.cpu_us:.1f} µs" for name, turn in turns.items()}
    wrk = held_against(case, connections, turns.get("wrk"))
    share = turns["ours, closed"].per_s / wrk.per_s if wrk else None
    least = AIMS.get(case.name)
    return Figure(
        f"{case.name}, {connections} connections",
        "; ".join(f"{name.removeprefix('ours, ')} {each}" for name, each in told.items() if "ours" in name),
        "; ".join(f"{name} {each}" for name, each in told.items() if "ours" not in name)
        + (f"; {share:.2f} of wrk" if share is not None else ""),
        f"≥ {least:g} of wrk" if least else "",
        None if least is None or share is None else share >= least,
    )


def measured(
    server: Server, case: Case, connections: int, options: argparse.Namespace
) -> dict[str, list[Turn]]:
    """Return the turns of each tool."""
    tools: dict[str, Tool] = {}
    words = server, case, connections
    if case.has_peers:
        tools = {name: lambda s, tool=tool: tool(*words, s) for name, tool in PEERS.items()}
    tools["ours, closed"] = lambda seconds: ours(server, case, "closed", connections, seconds)
    turns: dict[str, list[Turn]] = {name: [] for name in (*PEERS, *tools)}
    for number in range(options.rounds):
        for name in [*tools][:: -1 if number % 2 else 1]:
            add(turns[name], server, tools[name], options.seconds)
        if turns["ours, closed"]:
            steps = case.file.count("[[scenario.go.steps]]")
            rate = int(0.9 * turns["ours, closed"][-1].per_s / steps)
            turn = turns.setdefault("ours, open at 90 %", [])
            add(turn, server, lambda s, rate=rate: ours(server, case, "open", rate, s), options.seconds)
    return turns


def add(turns: list[Turn], server: Server, tool: Tool, seconds: float) -> None:
    """Let a tool have its turn; nothing is added if it is not installed."""
    cpu_s, served_s, began_s = used_s(), server.cpu_s(), time.monotonic()
    requests, own_s = tool(seconds)
    if requests:
        busy = (server.cpu_s() - served_s) / min(seconds, time.monotonic() - began_s)
        turns.append(Turn(requests / seconds, (own_s or used_s() - cpu_s) / requests * 1e6, busy))


def show(case: Case, connections: int, turns: dict[str, list[Turn]]) -> None:
    """Print the medians of all tools."""
    print(
        f"\n{case.name}, {connections} connections{'':10}requests/s   of wrk   CPU us   of wrk   nginx busy"
    )
    wrk = held_against(case, connections, middle(turns["wrk"]) if turns["wrk"] else None)
    for name, each in turns.items():
        if not each:
            print(f"  {name}")
            continue
        turn = middle(each)
        rate, cost = (f"{turn.per_s / wrk.per_s:.2f}", f"{turn.cpu_us / wrk.cpu_us:.1f}") if wrk else ("", "")
        limit = " (the limit)" if turn.server_busy > BUSY else ""
        print(
            f"  {name:<32}{turn.per_s:>12,.0f}{rate:>9}{turn.cpu_us:>9.1f}{cost:>9}{turn.server_busy:>12.0%}{limit}"
        )


_FIXED: dict[tuple[bool, int], Turn] = {}


def held_against(case: Case, connections: int, wrk: Turn | None) -> Turn | None:
    """Return wrk's turn of the same case or, if it cannot play that, of the first: a fixed request."""
    if wrk is not None:
        _FIXED.setdefault((case.is_tls, connections), wrk)
    return wrk or _FIXED.get((case.is_tls, connections))


def middle(turns: Sequence[Turn]) -> Turn:
    """Return the medians."""
    return Turn(
        *(median(getattr(turn, name) for turn in turns) for name in ("per_s", "cpu_us", "server_busy"))
    )


def used_s() -> float:
    """Return the CPU time of all generators that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def nginx(folder: Path) -> Iterator[Server]:
    """Serve the answers from a core of its own."""
    if not shutil.which("nginx"):
        raise SystemExit("nginx is not installed: it is what all tools ask")
    folder.chmod(0o755)  # nginx's worker is nobody if we are root
    (folder / "large").write_text("0" * 10240, encoding="ascii")
    plain, tls = free_port(), 0
    if shutil.which("openssl"):
        tls = free_port()
        words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key.pem -out cert.pem"
        subprocess.run(["openssl", *words.split()], cwd=folder, check=True, capture_output=True)
    text = NGINX.format(plain=plain, small="0" * 100, folder=folder, tls=TLS.format(port=tls) if tls else "")
    (folder / "nginx.conf").write_text(text, encoding="ascii")
    words = ("taskset", "-c", str(SERVER_CORE), "nginx", "-p", str(folder), "-c", "nginx.conf")
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    try:
        time.sleep(1.0)
        yield Server(psutil.Process(process.pid), plain, tls, folder)
    finally:
        process.terminate()
        process.wait()


def read_options() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each turn")
    parser.add_argument("--connections", type=int, nargs="+", default=[32, 256])
    parser.add_argument("--rounds", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
