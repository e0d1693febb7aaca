"""A real run of each kind, by the installed commands on servers of their own, verifies; what is changed is found."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tailguard.compare.verification import verify
from tailguard.record.run import Run
from tests.support.forgery import (
    Change,
    another_count,
    another_doubt,
    another_impact,
    another_plan_of_a_proof,
    another_plan_of_a_side,
    another_recovery,
    another_verdict,
    edit,
    forge,
    found_in,
    rewrite,
    shorten_the_longest,
    unchanged,
    verdict_place,
)
from tests.support.suite import MIGRATIONS, ROOT

TAILGUARD, LOCUST = (str(Path(sys.executable).with_name(name)) for name in ("tailguard", "locust"))
SMALL = ["--scenario", "registration", "--set", "load.min_samples=200", "--set", "load.max_samples=300"]
COMMANDS = {
    "run": [TAILGUARD, "run", "--profile", "smoke", *SMALL],
    "chaos": [
        TAILGUARD, "run", "--profile", "chaos", "--scenario", "registration",
        "--set", "chaos.faults=postgres_terminated:1",
        "--set", "chaos.calm_s=1.0", "--set", "load.max_seconds=6.0",
    ],
    "duet": [
        TAILGUARD, "duet", "--baseline-folder", str(ROOT), "--scenario", "registration",
        "--pairs", "12",
    ],
    "proof": [TAILGUARD, "migrate", "prove", "0001", "--rows", "30000"],
    "removal": [
        TAILGUARD, "migrate", "prove", "0002", "--folder", str(MIGRATIONS / "examples"), "--rows", "30000",
    ],
    "locust": [LOCUST, "-f", "scenarios", "--headless", "-u", "5", "-t", "10s", "RegistrationUser"],
}  # fmt: skip
# What a busy machine may do to a run: that it ends as INVALID, FAIL or INCONCLUSIVE changes nothing of its arithmetic.
ENDS = {0, 65, 75, 99}


def measured(kind: str, folder: Path) -> Run:
    """The finished run of a command."""
    done = subprocess.run(
        COMMANDS[kind],
        cwd=ROOT,
        env=os.environ | {"TAILGUARD_RUNS_DIR": str(folder)},
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=400,
    )
    assert done.returncode in ENDS, done.stdout + done.stderr
    return Run.load("latest", folder)


def check(run: Run, file: str, changes: Sequence[tuple[Change, str]]) -> None:
    """Verify the run; then its verdicts one by one, and each of the changes, and at last a sample of `file`."""
    record = run.record
    assert record.verdicts
    assert verify(run) == []
    for place in range(len(record.verdicts)):
        rewrite(run, another_verdict(record, place))
        assert verdict_place(record, place) in found_in(run)
    for change, found in changes:
        rewrite(run, change(record))
        places = found_in(run)
        assert any(place.startswith(found) for place in places), (found, places)
    rewrite(run, record)
    edit(run, another_doubt)
    assert "sha256" in found_in(run)
    rewrite(run, record)
    assert found_in(run) == set()
    shorten_the_longest(run.folder / file)
    assert f"files.{file}" in found_in(run)
    forge(run, unchanged)
    assert found_in(run)


@pytest.mark.system
def test_a_run_with_its_small_proofs(tmp_path: Path) -> None:
    changes = [
        (another_count, "scenarios.registration.counts.ok"),
        (another_doubt, "doubts.registration"),
        (another_plan_of_a_proof, "migrations.0001.after.explained"),
    ]
    check(measured("run", tmp_path), "samples.parquet", changes)


@pytest.mark.proof
def test_a_run_under_faults(tmp_path: Path) -> None:
    run = measured("chaos", tmp_path)
    assert run.record.chaos is not None
    assert run.record.chaos.recoveries[0].errors, "the fault cost nothing"
    changes = [
        (another_count, "scenarios.registration.counts.ok"),
        (another_doubt, "doubts.registration"),
        (another_recovery, "chaos.recoveries.registration[0].errors"),
    ]
    check(run, "samples.parquet", changes)


@pytest.mark.proof
def test_a_duet(tmp_path: Path) -> None:
    changes = [
        (another_count, "scenarios.registration.counts.ok"),
        (another_plan_of_a_side, "verdicts.plan of "),
    ]
    check(measured("duet", tmp_path), "blocks/001-candidate.parquet", changes)


@pytest.mark.proof
@pytest.mark.parametrize("kind", ["proof", "removal"])
def test_a_proof_of_an_index_and_of_its_removal(tmp_path: Path, kind: str) -> None:
    run = measured(kind, tmp_path)
    [entry] = run.record.migrations
    at = f"migrations.{entry.number}"
    changes = [
        (another_impact, f"{at}.live.builds[0].impact.writers.errors"),
        (another_plan_of_a_proof, f"{at}.after.explained"),
    ]
    check(run, "live.parquet", changes)


@pytest.mark.proof
def test_a_locust_run(tmp_path: Path) -> None:
    changes = [
        (another_count, "scenarios.registration.counts.ok"),
        (another_doubt, "doubts.registration"),
    ]
    check(measured("locust", tmp_path), "samples.parquet", changes)
