"""`tailguard duet`, through the installed command: nonsense is refused, what breaks leaves nothing behind."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tailguard.base.state import State
from tailguard.record.duet import Duet
from tailguard.record.run import Run
from tailguard.record.run_record import Ended, RunRecord
from tailguard.record.verdict import PlanVerdict
from tests.support.waiting import eventually

pytestmark = pytest.mark.system

ROOT = Path(__file__).resolve().parent.parent.parent
SMALL = (
    "--scenario",
    "registration",
    "--set",
    "load.max_samples=40",
    "--set",
    "load.min_samples=40",
    "--set",
    "load.warmup=5",
)


def duet(*words: str, cwd: Path = ROOT, **environ: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tailguard", "duet", *words]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **environ},
        check=False,
        encoding="utf-8",
    )


def latest(tmp_path: Path) -> tuple[RunRecord, Duet]:
    record = Run.load("latest", tmp_path / "runs").record
    assert record.duet is not None
    return record, record.duet


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "There is no baseline to compare with: give --baseline-ref"),
        (["--baseline-ref", "no-such-branch"], "'no-such-branch' is not a commit of"),
        (["--baseline-folder", "/no/such/folder"], "/no/such/folder is not a folder"),
        (
            ["--baseline-ref", "HEAD", "--baseline-folder", "."],
            "A side is one thing, not a commit 'HEAD' and",
        ),
        (["--candidate-env", "FAULTS"], "'FAULTS' is not a variable: write it as NAME=VALUE"),
        (["--baseline-ref", "HEAD", "--scenario", "registraton"], "Did you mean"),
        (
            ["--baseline-ref", "HEAD", "--pairs", "10", "--scenario", "registration"],
            "--pairs 10: with 4 metrics 11 pairs are the fewest that can find a slowdown",
        ),
        (
            ["--baseline-ref", "HEAD", "--set", "load.min_samples=5000"],
            "The load of registration is impossible",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_measured(
    words: list[str], said: str, tmp_path: Path
) -> None:
    found = duet(*words, "--set", f"runs_dir={tmp_path / 'runs'}", TAILGUARD_BASELINE="")
    assert found.returncode == 64, found.stdout + found.stderr
    assert said in found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.proof
def test_a_baseline_that_does_not_start_is_invalid_with_its_log(tmp_path: Path) -> None:
    broken = tmp_path / "broken" / "reference"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text(
        "raise RuntimeError('this commit does not start')\n", encoding="utf-8"
    )
    found = duet("--baseline-folder", str(broken.parent), *SMALL, "--set", f"runs_dir={tmp_path / 'runs'}")
    assert found.returncode == 65, found.stdout + found.stderr
    assert "this commit does not start" in found.stderr + found.stdout
    record, told = latest(tmp_path)
    assert "3 blocks in a row failed" in record.why_incomplete
    assert len(told.discarded) == 3


@pytest.mark.proof
def test_ctrl_c_saves_what_was_measured_and_leaves_nothing_behind(tmp_path: Path) -> None:
    temporary = tmp_path / "t"
    temporary.mkdir()
    command = [sys.executable, "-m", "tailguard", "duet", "--baseline-ref", "HEAD", *SMALL]
    command += ["--set", f"runs_dir={tmp_path / 'runs'}"]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(temporary)},
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if re.match(rb"pair 1 of", line):
                break
        process.send_signal(signal.SIGINT)
        process.stderr.read()
        assert process.wait(60) == 130
    record, told = latest(tmp_path)
    assert (record.ended, record.exit_code) == (Ended.INTERRUPTED, 130)
    assert len(told.blocks) >= 1
    assert list(temporary.glob("tailguard-*")) == []
    assert eventually(lambda: not _ours(temporary))


@pytest.mark.proof
def test_a_slow_candidate_is_found_on_real_servers_and_its_report_says_so(tmp_path: Path) -> None:
    found = duet(
        "--candidate-env", "TAILGUARD_FAULTS=delay_ms=20@registration", *SMALL, "--pairs", "12",
        "--set", f"runs_dir={tmp_path / 'runs'}",
    )  # fmt: skip
    assert found.returncode == 99, found.stdout + found.stderr
    record, told = latest(tmp_path)
    assert told.sides["candidate"].faults == ("delay_ms=20@registration",)
    assert told.sides["baseline"].platform != told.sides["candidate"].platform, "each side ran its own copy"
    plans = [each for each in record.verdicts if isinstance(each, PlanVerdict)]
    assert [plan.state for plan in plans] == [State.PASS, State.PASS]
    assert all("the same plan" in plan.why for plan in plans)
    assert "Baseline against candidate" in (tmp_path / "runs" / "latest" / "report.html").read_text(
        encoding="utf-8"
    )


def _ours(folder: Path) -> set[str]:
    """The processes of blocks whose orders lie in a folder."""
    lines = subprocess.run(
        ["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return {line for line in lines if "tailguard.duet.block" in line and str(folder) in line}
