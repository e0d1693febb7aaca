"""`tailguard control` as a user types it, while a run goes on in another process."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tailguard.cli.main import run_cli
from tailguard.record.run import Run
from tests.support.finished_runs import finished_run

FILE = """import tailguard as tg

@tg.scenario(rate="100/s", slo=["render p95 <= 500ms"])
def pages(it: tg.Iteration):
    it.step("render", sorted, range(100))
"""
ENDS_S = 60


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TAILGUARD_CONFIG")
    return tmp_path


@pytest.mark.system
def test_a_run_obeys_and_its_record_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "perf_pages.py").write_text(FILE, encoding="utf-8")
    words = ["run", "perf_pages.py", "--control", "--duration", "2m"]
    program = Path(sys.executable).with_name("tailguard")
    with subprocess.Popen([program, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as running:
        try:
            until_s = time.monotonic() + ENDS_S
            while not (folder / "runs/latest/control.sock").exists():
                assert time.monotonic() < until_s
                time.sleep(0.05)
            assert run_cli(["control", "latest", "rate=50/s"]) == 0
            assert capsys.readouterr().out.startswith("rate 50/s from iteration ")
            assert run_cli(["control", "latest", "resume"]) == 64
            assert capsys.readouterr().err == "the run is not paused.\n"
            assert run_cli(["control", "latest", "stop"]) == 0
            output, _ = running.communicate(timeout=ENDS_S)
        finally:
            running.kill()
    assert running.returncode in {0, 65, 75}, output
    run = Run.load()
    assert [each.order for each in run.record.overrides or ()] == ["rate", "stop"]
    assert run.record.scenarios["pages"].ended_because == "stopped"
    assert "load overridden" in (run.folder / "run.md").read_text(encoding="utf-8")
    assert run_cli(["verify"]) == 0
    assert run_cli(["control", "latest", "pause"]) == 64
    assert "it has ended, or was killed" in capsys.readouterr().err


def test_a_run_that_ends_when_it_is_decided_takes_no_orders(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = finished_run("run", folder)
    assert run_cli(["control", str(run.folder), "rate=50/s"]) == 64
    told = capsys.readouterr().err
    assert "takes no orders, as it ends when its limits are decided. Start it with --control." in told
