"""A generator that is starved on purpose: the run is INVALID with the cause, neither PASS nor FAIL."""

import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tailguard.base.state import State
from tailguard.engine.placement import choose_placement
from tailguard.record.doubt import Grade
from tailguard.record.run import Run

pytestmark = pytest.mark.proof

HOGS = 16  # on the generator's one core: it gets a seventeenth of it
TAILGUARD = Path(sys.executable).with_name("tailguard")


def burn(core: int, until_s: float) -> None:
    os.sched_setaffinity(0, {core})
    while time.monotonic() < until_s:
        pass


@contextmanager
def hogs(core: int, seconds: float) -> Iterator[None]:
    """Busy processes on a core, which end by themselves whatever happens to us."""
    until_s = time.monotonic() + seconds
    processes = [
        multiprocessing.get_context("spawn").Process(target=burn, args=(core, until_s)) for _ in range(HOGS)
    ]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs a core of its own to starve")
def test_a_starved_generator_makes_the_run_invalid_and_says_so(tmp_path: Path) -> None:
    placement = choose_placement()
    if placement.generator is None:
        pytest.skip(f"nothing is pinned: {placement.why}")
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TAILGUARD", "PG", "DATABASE")) or name == "TAILGUARD_CONFIG"
    }
    with hogs(placement.generator[0], 150):
        done = subprocess.run(
            [TAILGUARD, "run", "--no-migrations", "--scenario", "result_submission"],
            cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", timeout=300, check=False,
        )  # fmt: skip
    record = Run.load("latest", tmp_path / "runs").record
    grave = [doubt for doubt in record.doubts if doubt.grade is Grade.GRAVE]
    assert grave, record.doubts
    assert done.returncode == 65
    assert {verdict.state for verdict in record.verdicts} == {State.INVALID}
    assert all(grave[0].remedy in verdict.why for verdict in record.verdicts)
