"""A duet of a TOML file between two commits: the command of its [target] serves each side's own folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tailguard.base.state import State
from tailguard.record.run import Run
from tests.support.repository import git

pytestmark = pytest.mark.proof

SHOP = """
[target]
command = "{python} server.py {{port}}"
[rows.item]
file = "items.csv"
use = "cycle"
[scenario.buy]
rate = "constant 100/s"
[[scenario.buy.steps]]
name = "item"
path = "/{{item.sku}}"
"""
SERVER = """
import sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        time.sleep({seconds})
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_): ...

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
SMALL = (
    "--pairs",
    "12",
    "--set",
    "load.max_samples=30",
    "--set",
    "load.min_samples=30",
    "--set",
    "load.warmup=2",
)


def test_the_server_of_each_side_is_its_commits(tmp_path: Path) -> None:
    """The work tree's takes four times as long; neither the baseline's file of scenarios nor its rows are committed."""
    (tmp_path / ".gitignore").write_text("runs\n", encoding="utf-8")
    (tmp_path / "server.py").write_text(SERVER.format(seconds=0.005), encoding="utf-8")
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "a shop")
    (tmp_path / "server.py").write_text(SERVER.format(seconds=0.020), encoding="utf-8")
    (tmp_path / "shop.toml").write_text(SHOP.format(python=sys.executable), encoding="utf-8")
    (tmp_path / "items.csv").write_text("sku\nshoe\nhat\n", encoding="utf-8")
    found = subprocess.run(
        [
            str(Path(sys.executable).with_name("tailguard")),
            "duet",
            "shop.toml",
            "--baseline-ref",
            "HEAD",
            *SMALL,
        ],
        capture_output=True,
        cwd=tmp_path,
        env={**os.environ, "TAILGUARD_BASELINE": "", "TAILGUARD_CONFIG": ""},
        check=False,
        encoding="utf-8",
    )
    assert found.returncode == 99, found.stdout + found.stderr
    record = Run.load("latest", tmp_path / "runs").record
    verdict = next(each for each in record.verdicts if each.name.startswith("buy p50 of item"))
    assert verdict.state is State.FAIL
