"""A duet between servers, through the installed command: URLs that answer, or commands started for each block."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest

from tailguard.record.duet import Duet, DuetSide
from tailguard.record.run import Run
from tailguard.record.run_record import RunRecord
from tests.support.waiting import eventually

pytestmark = pytest.mark.system

TAILGUARD = str(Path(sys.executable).with_name("tailguard"))
SECRET = "a secret that is only for this test, thirty-two bytes"
SERVE = f"{TAILGUARD} serve --port {{port}}"
SMALL = (
    *("--scenario", "registration", "--set", "load.max_samples=30", "--set", "load.min_samples=30"),
    *("--set", "load.warmup=5", "--pairs", "11"),
)


def duet(tmp_path: Path, *words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [TAILGUARD, "duet", *words, "--set", f"runs_dir={tmp_path / 'runs'}"],
        capture_output=True,
        cwd=tmp_path,
        env={**os.environ, "TAILGUARD_BASELINE": "", **environ},
        check=False,
        encoding="utf-8",
    )


@contextmanager
def serving(log: Path) -> Iterator[str]:
    """A running `tailguard serve`, which says in the log what it does; its URL."""
    with (
        log.open("w", encoding="utf-8") as output,
        subprocess.Popen(
            [TAILGUARD, "serve", "--port", "0"],
            env={**os.environ, "DELTACROWN_SECRET": SECRET, "PYTHONUNBUFFERED": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            found = eventually(
                lambda: re.search(r"reference platform: (http://\S+)", log.read_text(encoding="utf-8")),
                log=log.read_text,
            )
            yield found[1]
        finally:
            process.terminate()
            process.wait(60)


def latest(tmp_path: Path) -> tuple[RunRecord, Duet]:
    record = Run.load("latest", tmp_path / "runs").record
    assert record.duet is not None
    return record, record.duet


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--baseline-url", "http://127.0.0.1:1"], "the candidate is code"),
        (["--candidate-command", SERVE], "the baseline is code"),
        (
            ["--baseline-url", "http://127.0.0.1:1", "--candidate-url", "http://127.0.0.1:2"],
            "--baseline-url http://127.0.0.1:1: no answer",
        ),
        (
            ["--baseline-url", "http://127.0.0.1:1", "--candidate-url", "http://127.0.0.1:1/"],
            "the same server",
        ),
        (
            ["--baseline-url", "staging", "--candidate-command", SERVE],
            "--baseline-url is 'staging': that is not an address of a service; write http://staging",
        ),
        (["--baseline-url", "http://me:hunter2@h:1", "--candidate-command", SERVE], "with no log-in"),
        (["--baseline-command", "serve --port 80", "--candidate-command", SERVE], "write {port} there"),
        (["--baseline-command", "'serve {port}", "--candidate-command", SERVE], "cannot be read"),
        (
            ["--baseline-url", "http://127.0.0.1:1", "--baseline-ref", "HEAD"],
            "A side is one thing, not a commit 'HEAD' and a URL 'http://127.0.0.1:1'",
        ),
        (
            ["--baseline-url", "http://h:1", "--baseline-env", "A=1", "--candidate-command", SERVE],
            "http://h:1 runs already",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, words: list[str], said: str) -> None:
    found = duet(tmp_path, *words)
    assert found.returncode == 64, found.stdout + found.stderr
    assert said in found.stderr
    assert "hunter2" not in found.stderr
    assert "Traceback" not in found.stderr


def test_a_command_that_dies_is_invalid_with_its_log(tmp_path: Path) -> None:
    dies = f"{sys.executable} -c \"raise SystemExit('no licence on port {{port}}')\""
    found = duet(tmp_path, "--baseline-command", dies, "--candidate-command", dies, *SMALL)
    assert found.returncode == 65, found.stdout + found.stderr
    assert "no licence on port" in found.stderr
    assert "ended with exit code 1 before it answered" in found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.proof
def test_two_urls_are_compared_and_what_cannot_be_seen_is_said(tmp_path: Path) -> None:
    with ExitStack() as stack:
        urls = [stack.enter_context(serving(tmp_path / f"{name}.log")) for name in ("baseline", "candidate")]
        sides = ("--baseline-url", urls[0], "--candidate-url", urls[1])
        refused = duet(tmp_path, *sides, *SMALL, DELTACROWN_SECRET="")
        assert refused.returncode == 64
        assert "set DELTACROWN_SECRET to the one it was started with" in refused.stderr
        found = duet(tmp_path, *sides, *SMALL, DELTACROWN_SECRET=SECRET)
    assert found.returncode in {0, 75, 99}, found.stdout + found.stderr
    run, told = latest(tmp_path)
    assert len(told.blocks) in {10, 11}  # the first look, or the end
    assert told.sides == {
        "baseline": DuetSide(label=urls[0], platform=urls[0]),
        "candidate": DuetSide(label=urls[1], platform=urls[1]),
    }
    entry, logs = run.scenarios["registration"], [log.read_text() for log in tmp_path.glob("*.log")]
    assert not entry.errors, (entry.said, *logs)
    assert entry.counts.ok > 0.9 * entry.counts.total, "no user joins a tournament twice, in whichever block"
    assert {doubt.kind for doubt in run.doubts} >= {"invariants_unchecked", "plans_not_compared"}
    assert SECRET not in (tmp_path / "runs" / "latest" / "run.json").read_text(encoding="utf-8")


@pytest.mark.proof
def test_a_server_is_started_for_each_block_and_gone_afterwards(tmp_path: Path) -> None:
    found = duet(
        tmp_path,
        *("--baseline-command", SERVE, "--candidate-command", SERVE, *SMALL),
        *("--candidate-env", "TAILGUARD_FAULTS=delay_ms=40@registration", "--pairs", "12"),
    )
    assert found.returncode == 99, found.stdout + found.stderr
    left = [each.pid for each in psutil.process_iter(["cwd"]) if each.info["cwd"] == str(tmp_path)]
    assert left == [], "servers run where the duet was called"
    assert latest(tmp_path)[1].discarded == ()
