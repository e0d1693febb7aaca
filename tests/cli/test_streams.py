"""What happens to the output does not change what a command ends with, unless standard output cannot be written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tailguard.record.run import Run

pytestmark = pytest.mark.system
FULL = Path("/dev/full")
full = pytest.mark.skipif(not FULL.exists(), reason="this platform has no full device")


def tailguard(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "tailguard", *arguments], **({"stderr": subprocess.PIPE} | options), text=True
    )


def spoilt(run: Run) -> str:
    """A run whose record no longer follows from its samples: `verify` ends with 65."""
    path = run.folder / "run.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"seed"', '"seed "', 1), encoding="utf-8")
    return str(run.folder)


def expected(*arguments: str) -> int:
    with tailguard(*arguments, stdout=subprocess.DEVNULL) as process:
        return process.wait(60)


@pytest.mark.parametrize("spoil", [lambda run: str(run.folder), spoilt], ids=["good", "spoilt"])
def test_a_reader_that_leaves_early_does_not_change_the_exit_code(run: Run, spoil) -> None:
    folder = spoil(run)
    code = expected("verify", folder)
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "wb") as gone, tailguard("verify", folder, stdout=gone) as process:
        assert process.wait(60) == code
        assert "Traceback" not in process.stderr.read()


@full
def test_a_full_standard_output_is_named(run: Run) -> None:
    with FULL.open("wb") as device, tailguard("verify", str(run.folder), stdout=device) as process:
        assert process.wait(60) == 64
        assert process.stderr.read() == (
            "Error: Cannot write to standard output: No space left on device. Nothing else was lost.\n"
        )


@full
def test_a_full_standard_error_does_not_change_the_exit_code(tmp_path: Path) -> None:
    with FULL.open("wb") as device, tailguard("verify", str(tmp_path), stderr=device) as process:
        assert process.wait(60) == 64


def test_a_terminal_of_few_letters_gets_what_it_can_show(run: Run) -> None:
    environ = os.environ | {"PYTHONIOENCODING": "ascii", "COLUMNS": "40"}
    with tailguard(
        "history", "--runs-dir", str(run.folder.parent), env=environ, stdout=subprocess.PIPE
    ) as process:
        shown, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert shown.isascii()
    assert "Traceback" not in said
