"""Each field of a record, changed and signed again: `verify` finds it, or it is said here why nothing can."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.finished_runs import KINDS, finished_run
from tests.support.forgery import edit, found_in, rewrite
from tests.support.other_fields import Edited, edited

pytestmark = pytest.mark.system

# What nothing else tells, by why. Without the hash mended each of these is found as well.
REASONS = {
    "the record is where it is told": """
        RunRecord.id RunRecord.created_utc RunRecord.finished_utc RunRecord.profile Objectives.source
        ScenarioEntry.title Platform.adapter Platform.host MigrationEntry.slug MigrationEntry.table DuetSide.label
        DuetSide.platform Locust.scenarios_sha256 GitState.folder PlayedSuite.file
        PlayedSuite.scenarios
        """,
    "the machine and its clocks were there once": """
        PlayedSuite.file PlayedSuite.scenarios GitState.folder
        Cpu.logical Cpu.physical Environment.memory_bytes Environment.kernel Environment.os Environment.python
        Clocks.wall_ns Clocks.monotonic_ns ScenarioEntry.measured_s ScenarioEntry.own_s
        ScenarioEntry.achieved_rate_per_s DuetTime.starts_s DuetTime.seeding_s DuetTime.checks_s
        ScenarioEntry.offered_rate_per_s BuildUnderLoad.started_ns Environment.who
        """,
    "what was ordered; the configuration says it, too": """
        PoissonSchedule.rate_per_s PoissonSchedule.seed PoissonSchedule.workers ScenarioEntry.warmup
        ScenarioEntry.ended_because LiveProof.rate_per_s LiveProof.rows Budget.minutes MigrationEntry.parameters
        MigrationEntry.up_sql MigrationEntry.down_sql MigrationEntry.query_sql
        DdlProof.file DdlProof.rate_per_s DdlProof.front_s DdlProof.lock_timeout_ms DdlStep.transaction
        ProvedStatement.line ProvedStatement.text ProvedStatement.kind SafeWay.statements SafeStatement.how
        SafeStatement.text SafeWay.why
        Soak.seconds Soak.schedules LeaseUsed.name LeaseUsed.ttl_s
        Shadow.primary Shadow.candidate Shadow.timeout_s
        """,
    "it changes no answer here: a verdict that it changed would be found": """
        Rule.first_look Objectives.together Margins.floor_ms FaultWindow.began_ns Outage.began_ns Outage.ended_ns
        OtherQuery.before OtherQuery.after ExplainedQuery.document DriftLimit.step DdlStep.grows_by DdlStep.growth
        GrowthRun.rows GrowthRun.seconds
        """,
    "an invariant is looked at in the platform, once": "Invariant.name Invariant.expected Invariant.observed",
    "the repository says it": "CommitLine.sha CommitLine.day CommitLine.subject Duet.commits Duet.older_commits",
    "what a server said, once": """
        MigrationEntry.index MigrationEntry.rows MigrationEntry.build_s MigrationEntry.index_bytes QueryEvidence.rows
        CycleStep.seconds IndexCost.rows IndexCost.writes WriteTimes.hot WalBytes.before WalBytes.after
        BuildUnderLoad.phases BuildPhase.elapsed_s BuildPhase.phase BuildPhase.blockers
        DdlProof.postgres TableSize.rows DdlProof.tables DdlProof.left_out DdlStep.tables DdlStep.unused
        DdlStep.left_out Observation.wal_bytes Observation.bytes_before Observation.bytes_after Observation.scanned
        Observation.commits
        Trial.started_ns Trial.attempts Trial.failed
        AnswerDifference.primary AnswerDifference.candidate Shadow.most_users
        """,
    "which number an iteration had, its samples do not say": "SlowIteration.number ScenarioEntry.slowest",
    "what workers told": "Locust.workers Locust.load",
    "of those doubts and invariants that follow from no sample": "RunRecord.doubts ScenarioEntry.invariants",
    "whoever signs again mends it": "RunRecord.files RunRecord.sha256",
}
UNFOUND = {field for fields in REASONS.values() for field in fields.split()}


def edits(kind: str, folder: Path) -> Iterator[Edited]:
    """Those of fields that no kind before has."""
    known: set[str] = set()
    for other in [*KINDS][: [*KINDS].index(kind)]:
        known |= {each.field for each in edited(finished_run(other, folder / other).record)}
    return (each for each in edited(finished_run(kind, folder / "same").record) if each.field not in known)


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.proof] if kind == "duet" else []) for kind in KINDS]
)
def test_a_changed_field_is_found_or_said_to_be_beyond_finding(tmp_path: Path, kind: str) -> None:
    run = finished_run(kind, tmp_path / "run")
    assert found_in(run) == set()
    for each in edits(kind, tmp_path):
        rewrite(run, each.record)
        if not found_in(run):
            assert each.field.removesuffix(" without one") in UNFOUND, each.field


def test_no_field_is_excused_that_no_record_has(tmp_path: Path) -> None:
    fields = {each.field for kind in KINDS for each in edited(finished_run(kind, tmp_path / kind).record)}
    assert {field.removesuffix(" without one") for field in fields} >= UNFOUND


def test_any_changed_field_is_found_if_the_hash_is_left_as_it_was(tmp_path: Path) -> None:
    run = finished_run("run", tmp_path)
    edits = list(edited(run.record))
    assert len(edits) > 50
    for each in edits:
        edit(run, lambda _, record=each.record: record)
        assert found_in(run), each.field
