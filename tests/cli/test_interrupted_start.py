"""Ctrl-C while the command line is still being imported ends it quietly, too."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

# Stands in the way of the real click, so that the signal comes in the middle of its import on any machine.
IMPATIENT = "import os, signal, time\nos.kill(os.getpid(), signal.{signal})\ntime.sleep(30)\n"


@pytest.mark.parametrize("signal", ["SIGINT", "SIGTERM"])
def test_a_signal_during_the_imports_ends_with_130_and_no_traceback(tmp_path: Path, signal: str) -> None:
    (tmp_path / "click.py").write_text(IMPATIENT.format(signal=signal), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "tailguard", "run"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "Interrupted.\n")
