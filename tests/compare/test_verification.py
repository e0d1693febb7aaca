"""Every kind of run verifies when it is finished, and each thing that is changed afterwards is found.

Whoever edits run.json is found by its own hash. Whoever mends the hashes as well is found wherever something can be
computed again.
"""

import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from tailguard.compare.comparable import differences as comparable_differences
from tailguard.compare.verdicts import verdicts_of
from tailguard.compare.verification import gaps, verify
from tailguard.config.merge import load_config
from tailguard.engine.schedule import Poisson, starts_sha256
from tailguard.record.run import Run
from tailguard.record.run_record import Ended, Override
from tailguard.trust.suite_doubts import doubts_of_overrides
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
from tests.support.runs_by_hand import made_run

pytestmark = pytest.mark.system

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
    assert record.verdicts
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
    edit(run, lambda record: replace(record, profile="full"))
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


def test_a_block_that_was_taken_out_is_found_whatever_else_is_mended(tmp_path: Path) -> None:
    run = finished_run("duet", tmp_path)
    duet = run.record.duet
    assert duet is not None
    without = {
        name: [*duet.blocks[: place - 1], *duet.blocks[place:]]
        for name, place in (("first", 1), ("last", 20))
    }
    for name, blocks in without.items():
        numbered = tuple(replace(block, number=number) for number, block in enumerate(blocks, 1))
        rewrite(
            run,
            replace(run.record, duet=replace(duet, blocks=numbered if name == "first" else tuple(blocks))),
        )
        places = found_in(run)
        assert "duet.pooled.registration.counts.total" in places, name
        assert "files.blocks/020-baseline.parquet" in places or name == "first"


def test_a_file_that_the_record_names_elsewhere_is_never_opened(tmp_path: Path) -> None:
    run = finished_run("proof", tmp_path)
    secret = tmp_path / "secret.json"
    secret.write_text("[]", encoding="utf-8")
    [entry] = run.record.migrations
    assert entry.before is not None
    for name in (str(secret), "../../secret.json", "plans/../../../secret.json", "run.json", "plans"):
        elsewhere = replace(entry, before=replace(entry.before, plan_file=name))
        rewrite(run, replace(run.record, migrations=(elsewhere,)))
        found = {each.where: str(each.recomputed) for each in verify(Run.load(run.folder))}
        assert f"has no raw file {name!r}" in found["files"]


def test_a_proof_that_was_taken_out_leaves_its_files(tmp_path: Path) -> None:
    run = finished_run("proof", tmp_path)
    rewrite(run, replace(run.record, migrations=(), verdicts=(), exit_code=65))
    assert {"files.live.parquet", "files.plans/0001.before.json"} <= found_in(run)


def test_a_control_that_was_taken_out_leaves_its_samples(tmp_path: Path) -> None:
    run = finished_run("proof", tmp_path)
    [entry] = run.record.migrations
    assert entry.live is not None
    rewrite(run, replace(run.record, migrations=(replace(entry, live=replace(entry.live, control=None)),)))
    assert "live.0001/control_writers" in found_in(run)


@pytest.mark.parametrize("kind", KINDS)
def test_verdicts_that_were_taken_out_are_found(tmp_path: Path, kind: str) -> None:
    run = finished_run(kind, tmp_path)
    places = {verdict_place(run.record, place) for place in range(len(run.record.verdicts))}
    rewrite(run, replace(run.record, verdicts=()))
    assert {place.removesuffix(".state") for place in places} <= found_in(run)


def test_verdicts_and_objectives_that_were_both_taken_out_do_not_pass(tmp_path: Path) -> None:
    run = finished_run("run", tmp_path)
    rewrite(run, replace(run.record, objectives=None, verdicts=()))
    assert found_in(run) == {"exit_code"}


def test_a_verdict_that_stands_twice_is_found(tmp_path: Path) -> None:
    run = finished_run("run", tmp_path)
    rewrite(run, replace(run.record, verdicts=(*run.record.verdicts, run.record.verdicts[-1])))
    assert len(found_in(run)) == 1


def test_a_run_that_a_later_one_has_seen_cannot_be_signed_again(tmp_path: Path) -> None:
    earlier, later = (finished_run("run", tmp_path) for _ in range(2))
    assert later.record.previous is not None
    assert later.record.previous.id == earlier.record.id
    assert found_in(later) == set()
    assert gaps(later) == []
    forge(earlier, lambda record: replace(record, profile="full"))
    assert found_in(earlier) == set()
    assert found_in(later) == {"previous.sha256"}


def test_a_run_that_was_pruned_is_a_gap_and_no_error(tmp_path: Path) -> None:
    earlier, later = (finished_run("run", tmp_path) for _ in range(2))
    assert gaps(earlier) == ["no finished run came before it in its folder: the chain of runs begins here"]
    shutil.rmtree(earlier.folder)
    assert found_in(later) == set()
    told = f"the run before it, {earlier.record.id}, is not here: it was pruned, or this folder was moved"
    assert gaps(later) == [told]


def test_a_run_that_began_beside_one_that_goes_on_begins_a_chain(tmp_path: Path) -> None:
    finished = finished_run("run", tmp_path)
    going_on, beside = (made_run(tmp_path) for _ in range(2))
    assert going_on.record.previous is not None
    assert going_on.record.previous.id == finished.record.id
    assert beside.record.previous is None


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


ORDER = Override(
    order="rate",
    scenario="upload",
    iteration=3,
    offset_ns=0,
    at_ns=0,
    at_utc="2026-01-01T00:00:00Z",
    rate_per_s=80.0,
)


def test_an_order_in_the_middle_of_an_iteration_and_one_without_its_doubt_are_found(tmp_path: Path) -> None:
    run = finished_run("run", tmp_path)
    samples = run.samples()["upload"]
    within = int(samples.started_ns[5] + samples.ended_ns[5]) // 2
    overrides = (replace(ORDER, at_ns=within),)
    doubts = (*run.record.doubts, *doubts_of_overrides(overrides))
    rewrite(run, replace(run.record, overrides=overrides, doubts=doubts))
    assert found_in(run) == {"overrides[0].at_ns"}
    early = (replace(ORDER, at_ns=int(samples.intended_ns[0]) - 1),)
    rewrite(run, replace(run.record, overrides=early, doubts=doubts))
    assert found_in(run) == set()
    rewrite(run, replace(run.record, overrides=early))
    assert found_in(run) == {"doubts.overrides"}


def test_runs_of_other_orders_are_not_compared(tmp_path: Path) -> None:
    record = finished_run("run", tmp_path).record
    [reason] = comparable_differences(record, replace(record, overrides=(ORDER,)))
    assert reason == "orders of `tailguard control`: none against rate 80/s from iteration 3 of upload on"


def test_another_hash_of_the_starts_is_found(tmp_path: Path) -> None:
    run = finished_run("run", tmp_path)
    seconds = load_config().load_of("upload").max_seconds
    drawn = starts_sha256(Poisson(100.0, seconds, 1).starts_ns())
    for sha256, found in ((drawn, set()), ("0" * 64, {"scenarios.upload.starts_sha256"})):
        entry = replace(run.record.scenarios["upload"], starts_sha256=sha256)
        rewrite(run, replace(run.record, scenarios={"upload": entry}))
        assert found_in(run) == found
