"""Every kind of run verifies when it is finished, and each thing that is changed afterwards is found.

Whoever edits run.json is found by its own hash. Whoever mends the hashes as well is found wherever something can be
computed again.
"""

from pathlib import Path

import pytest
from msgspec.structs import replace

from tailguard.compare.verdicts import verdicts_of
from tailguard.compare.verification import verify
from tailguard.record.run import Run
from tailguard.record.run_record import Ended
from tests.support.finished_runs import KINDS, finished_run
from tests.support.forgery import (
    Change,
    another_count,
    another_impact,
    another_invariant,
    another_plan_of_a_proof,
    another_plan_of_a_side,
    another_quality,
    another_recovery,
    another_verdict,
    another_watched,
    edit,
    forge,
    found_in,
    laxer_limits,
    no_doubts,
    other_blocks_of_a_proof,
    rewrite,
    shorten_the_longest,
    unchanged,
    verdict_place,
)

PUT = "scenarios.upload.steps.put"


@pytest.mark.parametrize("kind", KINDS)
def test_a_finished_run_of_every_kind_verifies(tmp_path: Path, kind: str) -> None:
    run = finished_run(kind, tmp_path)
    assert run.record.verdicts
    assert verify(run) == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_verdict_that_is_turned_round_is_found(tmp_path: Path, kind: str) -> None:
    run = finished_run(kind, tmp_path)
    record = run.record
    for place in range(len(record.verdicts)):
        rewrite(run, another_verdict(record, place))
        assert verdict_place(record, place) in found_in(run)


@pytest.mark.parametrize(
    ("kind", "file", "found"),
    [
        ("run", "samples.parquet", f"{PUT}.response_ms.max"),
        ("chaos", "samples.parquet", f"{PUT}.response_ms.max"),
        ("locust", "samples.parquet", f"{PUT}.response_ms.max"),
        ("duet", "samples.parquet", "scenarios.registration.steps.register.response_ms.max"),
        ("duet", "blocks/003-candidate.parquet", "duet.quality.least_seen.registration p95 of register"),
        ("proof", "live.parquet", "migrations.0001.live.control.impact.writers.longest_ms"),
        ("removal", "live.parquet", "migrations.0001.live.control.impact.writers.longest_ms"),
    ],
)
def test_a_changed_sample_is_found_even_with_the_hash_of_its_file_mended(
    tmp_path: Path, kind: str, file: str, found: str
) -> None:
    run = finished_run(kind, tmp_path)
    shorten_the_longest(run.folder / file)
    assert f"files.{file}" in found_in(run)
    forge(run, unchanged)
    places = found_in(run)
    assert found in places
    assert not any(place.startswith("files") for place in places)


FORGERIES = [
    ("run", another_count, "scenarios.upload.counts.ok"),
    ("run", no_doubts, "doubts.upload"),
    ("chaos", another_count, "scenarios.upload.counts.ok"),
    ("chaos", no_doubts, "doubts.upload"),
    ("chaos", another_recovery, "chaos.recoveries.upload[0].errors"),
    ("chaos", another_invariant, "scenarios.upload.invariants[1].held"),
    ("locust", another_count, "scenarios.upload.counts.ok"),
    ("locust", no_doubts, "doubts.upload"),
    ("duet", another_count, "scenarios.registration.counts.ok"),
    ("duet", another_plan_of_a_side, "verdicts.plan of 0001_idx against the baseline.state"),
    ("duet", another_watched, "duet.watched"),
    ("duet", another_quality, "duet.quality.false_alarms"),
    ("proof", another_plan_of_a_proof, "migrations.0001.after.explained.Plan.Shared Hit Blocks"),
    ("proof", other_blocks_of_a_proof, "migrations.0001.before.blocks.hit"),
    ("proof", another_impact, "migrations.0001.live.builds[0].impact.writers.errors"),
    ("proof", laxer_limits, "verdicts.0001 longest wait of writers.expected"),
    ("removal", another_plan_of_a_proof, "migrations.0001.after.explained.Plan.Shared Hit Blocks"),
    ("removal", other_blocks_of_a_proof, "migrations.0001.before.blocks.hit"),
    ("removal", another_impact, "migrations.0001.live.builds[0].impact.writers.errors"),
]


@pytest.mark.parametrize(("kind", "change", "found"), FORGERIES)
def test_what_was_changed_and_signed_again_is_found(
    tmp_path: Path, kind: str, change: Change, found: str
) -> None:
    run = finished_run(kind, tmp_path)
    forge(run, change)
    places = found_in(run)
    assert any(place.startswith(found) for place in places), places
    assert "sha256" not in places


@pytest.mark.parametrize("kind", KINDS)
def test_what_nothing_can_be_computed_from_is_covered_by_the_records_own_hash(
    tmp_path: Path, kind: str
) -> None:
    run = finished_run(kind, tmp_path)
    edit(run, lambda record: replace(record, seed=record.seed + 1))
    assert found_in(run) == {"sha256"}


@pytest.mark.parametrize("kind", KINDS)
def test_an_exit_code_better_than_deserved_is_found(tmp_path: Path, kind: str) -> None:
    run = finished_run(kind, tmp_path)
    forge(run, lambda record: replace(record, exit_code=42))
    assert found_in(run) == {"exit_code"}


@pytest.mark.parametrize(
    ("kind", "file"),
    [
        ("run", "samples.parquet"),
        ("duet", "blocks/001-baseline.parquet"),
        ("proof", "live.parquet"),
        ("proof", "plans/0001.after.json"),
    ],
)
def test_a_raw_file_that_is_lost_is_named_and_what_needs_it_is_not_believed(
    tmp_path: Path, kind: str, file: str
) -> None:
    run = finished_run(kind, tmp_path)
    (run.folder / file).unlink()
    found = {each.where: each.recomputed for each in verify(Run.load(run.folder))}
    assert found[f"files.{file}"] == "absent"
    assert len(found) > 1


def test_a_plan_of_a_proof_that_is_changed_in_its_file_is_found_in_the_record(tmp_path: Path) -> None:
    run = finished_run("proof", tmp_path)
    path = run.folder / "plans" / "0001.after.json"
    path.write_text(path.read_text("utf-8").replace('"Execution Time":', '"Execution Time":9'), "utf-8")
    forge(run, unchanged)
    assert "migrations.0001.after.server_ms.value" in found_in(run)


@pytest.mark.parametrize("ended", [Ended.INTERRUPTED, Ended.BROKE_OFF])
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_did_not_come_to_its_end_verifies_too(tmp_path: Path, kind: str, ended: Ended) -> None:
    run = finished_run(kind, tmp_path)
    run.finish(ended, "the database was killed" if ended is Ended.BROKE_OFF else None)
    run.put_verdicts(verdicts_of(run))
    run.put_exit_code(run.record.deserved_exit_code)
    run.save()
    assert verify(Run.load(run.folder)) == []
