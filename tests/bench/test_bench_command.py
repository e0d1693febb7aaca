"""`tailguard bench` as a user types it, with real processes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tailguard.record.run import Run

pytestmark = pytest.mark.system
Bench = Callable[..., subprocess.CompletedProcess[str]]
FAST, SLOW = "sleep 0.02", "sleep 0.2"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    def run(*words: str, command: str = "bench") -> subprocess.CompletedProcess[str]:
        line = [Path(sys.executable).with_name("tailguard"), command, *words]
        wide = {**os.environ, "COLUMNS": "400"}
        return subprocess.run(
            line, cwd=tmp_path, env=wide, capture_output=True, encoding="utf-8", check=False
        )

    return run


def test_a_command_that_is_ten_times_as_slow_fails_and_the_run_can_be_verified(
    bench: Bench, tmp_path: Path
) -> None:
    done = bench(FAST, SLOW, "--export-json", "times.json", "--export-markdown", "times.md")
    assert done.returncode == 99, done.stdout + done.stderr
    assert f"Worse than the baseline: {SLOW} p50 of run" in done.stdout
    (result, _) = json.loads((tmp_path / "times.json").read_text(encoding="utf-8"))["results"]
    assert (result["command"], len(result["times"]) >= 10) == (FAST, True)
    assert SLOW in (tmp_path / "times.md").read_text(encoding="utf-8")
    assert bench(command="verify").returncode == 0


def test_the_same_command_under_two_names_is_not_slower(bench: Bench) -> None:
    done = bench(SLOW, SLOW, "-n", "old", "-n", "new", "--delta", "100%")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No command is slower than its baseline" in done.stdout


def test_one_command_is_judged_by_its_limit(bench: Bench) -> None:
    assert bench(FAST, "--objective", "p50 <= 10s").returncode == 0
    assert bench(FAST, "--objective", "p50 <= 1ms").returncode == 99


def test_one_command_without_a_limit_is_not_judged(bench: Bench) -> None:
    done = bench(FAST)
    assert done.returncode == 75, done.stdout + done.stderr
    assert "nothing to judge: no limit is stated for sleep 0.02" in done.stdout
    assert "10 ok" in done.stdout


def test_a_command_that_fails_ends_the_benchmark_with_what_it_said(bench: Bench, tmp_path: Path) -> None:
    done = bench(FAST, "sh -c 'echo no such table >&2; exit 3'", "--cleanup", "touch cleaned")
    assert done.returncode == 65, done.stdout + done.stderr
    assert "ended with 3: no such table" in done.stderr
    assert (tmp_path / "cleaned").exists()
    assert Run.load("latest", tmp_path / "runs").record.because


def test_any_exit_status_is_success_if_that_is_asked_for(bench: Bench) -> None:
    assert bench("false", "--ignore-failure", "--objective", "p50 <= 10s").returncode == 0


def test_a_command_that_takes_too_long_is_killed_with_what_it_started(bench: Bench) -> None:
    done = bench("sh -c 'sleep 30 & wait'", "--timeout", "0.2", "--objective", "p50 <= 1s")
    assert done.returncode == 65, done.stdout + done.stderr
    assert "took longer than 0.2 s" in done.stderr


def test_a_program_that_is_not_there_is_named(bench: Bench) -> None:
    done = bench("./no-such-program", "--objective", "p50 <= 1s")
    assert done.returncode == 65
    assert "'./no-such-program' cannot be started: No such file or directory" in done.stderr


def test_what_is_not_timed_runs_around_each_run(bench: Bench, tmp_path: Path) -> None:
    done = bench(
        *("cat log", "--runs", "4", "--warmup", "1", "--setup", "sh -c 'echo set > log'"),
        *("--prepare", "sh -c 'echo before >> log'", "--conclude", "sh -c 'echo after >> log'"),
    )
    assert done.returncode == 75, done.stdout + done.stderr
    words = (tmp_path / "log").read_text(encoding="utf-8").split()
    assert words == ["set", *["before", "after"] * 5]


def test_what_the_start_of_the_shell_takes_is_taken_off(bench: Bench, tmp_path: Path) -> None:
    bench("sleep 0.05 | cat", "--runs", "10")
    record = Run.load("latest", tmp_path / "runs").record
    assert record.bench is not None
    assert record.bench.shell == "sh"
    assert record.bench.shell_ms > 0


def test_too_few_runs_to_find_anything_are_refused_before_the_first(bench: Bench, tmp_path: Path) -> None:
    done = bench(FAST, SLOW, "--runs", "5")
    assert (done.returncode, "takes 9 runs at least" in done.stderr) == (64, True), done.stderr
    assert not (tmp_path / "runs").exists()
