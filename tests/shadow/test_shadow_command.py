"""`tailguard shadow` as a user types it."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tailguard.base.ports import free_port
from tailguard.cli.main import run_cli
from tailguard.record.run import Run
from tailguard.record.run_record import Ended
from tailguard.record.samples.parquet import read_samples
from tests.shadow.service import User, liar, served, shop
from tests.support.waiting import eventually, listens

ONE, OTHER = ("--primary", "http://127.0.0.1:8000"), ("--candidate", "http://127.0.0.1:8001")
SHOP = "postgresql://me:hunter22@db.example:5432/shop"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((*ONE, "--candidate", "http://localhost:8000"), "is the primary itself"),
        ((*ONE, "--candidate", "127.0.0.1:8001"), "write http://127.0.0.1:8001"),
        ((*ONE, "--candidate", "http://127.0.0.1:8001/api"), "give http://host:port alone"),
        ((*ONE, *OTHER, "--primary-dsn", SHOP), "--candidate-dsn is missing"),
        ((*ONE, *OTHER, "--primary-dsn", SHOP, "--candidate-dsn", "mysql://x/y"), "--candidate-dsn is not"),
        (
            (*ONE, *OTHER, "--primary-dsn", SHOP, "--candidate-dsn", SHOP),
            "are the same database, shop on db.example",
        ),
        (
            (
                *ONE,
                *OTHER,
                "--primary-dsn",
                SHOP,
                "--candidate-dsn",
                "host=DB.example dbname=shop user=other",
            ),
            "are the same database",
        ),
        (
            (
                *ONE,
                *OTHER,
                "--primary-dsn",
                "host=/tmp dbname=a",
                "--candidate-dsn",
                "postgresql://localhost/a",
            ),
            "are the same database",
        ),
    ],
)
def test_what_would_write_twice_is_refused(
    arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(["shadow", *arguments]) == 64
    said = capsys.readouterr().err
    assert told in said
    assert "hunter22" not in said


@contextmanager
def users(port: int) -> Iterator[threading.Event]:
    """Users who ask until the `with` ends; the event is set once they were answered."""
    answered, enough = threading.Event(), threading.Event()

    def ask() -> None:
        eventually(lambda: listens(port), 20)
        user, number = User(port), 0
        try:
            while not enough.is_set():
                number += 1
                user.ask("/orders", "POST", b"x") if number % 10 == 0 else user.ask(f"/items/{number}")
                answered.set()
                time.sleep(0.001)
        except OSError:
            pass  # the proxy has ended
        finally:
            user.close()

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield answered
    finally:
        enough.set()
        thread.join(20)


def test_a_lying_candidate_ends_with_99_and_a_run_that_verifies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    with served(shop) as primary, served(liar) as candidate, users(port) as answered:
        asked = ["shadow", "--primary", primary.url, "--candidate", candidate.url, "--port", str(port)]
        ends = ["--minutes", "0.03", "--timeout", "5", "--runs-dir", str(tmp_path)]
        code = run_cli([*asked, *ends, "--ignore", "POST /orders state"])
        assert answered.is_set()
    said = capsys.readouterr()
    assert code == 99
    assert "GET /items/{id}: price.amount" in said.out
    assert "1299 → 1300" in said.out
    assert "POST /orders: state" not in said.out
    run = Run.load("latest", tmp_path)
    assert {*read_samples(run.samples_path)} == {"primary", "candidate"}
    assert "price.amount" in (run.folder / "report.html").read_text(encoding="utf-8")
    assert "price.amount" in (run.folder / "run.md").read_text(encoding="utf-8")
    assert run_cli(["verify", str(run.folder)]) == 0


@pytest.mark.proof
def test_ctrl_c_saves_what_there_is_and_never_passes(tmp_path: Path) -> None:
    port = free_port()
    with served(shop) as primary, served(shop) as candidate, users(port) as answered:
        asked = ["shadow", "--primary", primary.url, "--candidate", candidate.url, "--port", str(port)]
        words = [sys.executable, "-m", "tailguard", *asked, "--minutes", "5", "--runs-dir", str(tmp_path)]
        process = subprocess.Popen(words, stderr=subprocess.PIPE)
        try:
            assert answered.wait(60)
            eventually(lambda: [*tmp_path.glob("*/run.json")])
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    run = Run.load("latest", tmp_path)
    assert run.record.ended is Ended.INTERRUPTED
    assert run.record.shadow is not None
    assert run.record.shadow.counts.compared > 0
    assert run_cli(["verify", str(run.folder)]) == 0


def test_a_port_that_is_taken_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with served(shop) as primary, served(shop) as candidate:
        taken = str(primary.server_address[1])
        asked = ["shadow", "--primary", primary.url, "--candidate", candidate.url, "--port", taken]
        assert run_cli([*asked, "--runs-dir", str(tmp_path)]) == 64
    assert f"--port {taken} cannot be opened" in capsys.readouterr().err
    assert not [*tmp_path.iterdir()]
