"""The cut-over walked on real servers, calm and under faults: nothing that was acknowledged is lost or changed."""

import pytest

from perf.cutover.cutover import STAGES
from tailguard.base.errors import UsageError
from tailguard.config.merge import load_config
from tailguard.faults.orders import ordered_faults
from tailguard.pipeline.suite_run import run_suite
from tailguard.record.run import Run

pytestmark = pytest.mark.system

SMALL = {
    "migrations.run": False,
    "migrations.economy_rows": 4_000,
    "migrations.moderation_rows": 1_000,
    "placement.pin": False,
    "load.warmup": 2,
    "load.rate_per_s": 30.0,
    "load.min_samples": 5000,
    "load.max_samples": 5000,
    "load.max_seconds": 4.0,
    "scenario.certificate_migration.legacy": 20,
}


@pytest.fixture
def walked(tmp_path):
    def walk(profile="smoke", **changes):
        flags = {"runs_dir": str(tmp_path), "scenarios": ["certificate_migration"]} | SMALL | changes
        return run_suite(load_config(profile, flags=flags, environ={}))

    return walk


def broken(run):
    return [each for each in run.record.invariants if not each.held]


def test_the_walk_goes_through_every_stage_and_loses_nothing(walked):
    run = walked()
    entry = run.record.scenarios["certificate_migration"]
    assert broken(run) == []
    assert entry.counts.error == 0
    for stage in STAGES:
        assert entry.steps[f"upload_{stage}"].counts.ok > 0
    assert entry.counters["cert.s3.save.success"] > 100
    assert entry.counters["cert.s3.save.fail"] == 0
    assert run.record.chaos is None


@pytest.mark.proof
def test_under_faults_everything_acknowledged_reads_back(walked):
    """S3 errors, S3 killed for good seconds, PostgreSQL crashed: the run's own invariants are the proof."""
    faults = ["postgres_restarted:0.5", "s3_errors=0.2:2", "s3_killed:3"]
    changes = {"chaos.faults": faults, "chaos.calm_s": 1.0, "chaos.recover_s": 30.0, "load.max_seconds": 12.0}
    run = walked("chaos", **changes)
    assert broken(run) == []
    chaos = Run.load(run.folder).record.chaos
    assert [each.label for each in chaos.windows] == [
        "PostgreSQL restarted",
        "S3 errors 20 %",
        "S3 killed",
    ]
    assert all(each.note == "" for each in chaos.windows)
    killed = next(each for each in chaos.recoveries if each.label == "S3 killed")
    assert killed.retried > 0
    assert run.record.scenarios["certificate_migration"].counters["cert.s3.write.fail"] > 0


@pytest.mark.proof
def test_a_stopped_postgres_and_dropped_subscribers_cost_no_acknowledged_write(walked):
    """The server really stopped, both ways, and spectators really cut off: the run's own invariants are the proof."""
    faults = ["postgres_stopped_fast:0.5", "postgres_stopped_immediate:0.5", "subscribers_dropped=0.5:1"]
    run = walked(
        "chaos",
        **{
            "scenarios": ["economy_transfer", "websocket_broadcast"],
            "chaos.faults": faults,
            "chaos.calm_s": 1.0,
            "chaos.recover_s": 30.0,
            "load.slice_s": 0.25,
            "load.max_seconds": 6.0,
            "scenario.websocket_broadcast.subscribers": 6,
        },
    )
    assert broken(run) == []
    chaos = run.record.chaos
    assert (
        tuple(each.label for each in chaos.windows)
        == chaos.ordered
        == (
            "PostgreSQL stopped fast",
            "PostgreSQL stopped immediate",
            "subscribers dropped 50 %",
        )
    )
    assert all(each.note == "" for each in chaos.windows)
    transfers = run.record.scenarios["economy_transfer"].counts
    assert transfers.error > 0
    assert transfers.ok > 50
    dropped = chaos.recoveries[-1]
    assert (dropped.scenario, dropped.cut_off) == ("websocket_broadcast", 3)
    names = {each.name for each in run.record.scenarios["websocket_broadcast"].invariants}
    assert "every spectator that was cut off reconnected" in names
    assert "every acknowledged result can be read" in names


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("subscribers_dropped=0.5:1", "needs a scenario with subscribers"),
        ("s3_down:1", "needs a scenario that uses S3"),
    ],
)
def test_a_fault_that_meets_nothing_is_refused(walked, fault, says):
    with pytest.raises(UsageError, match=says):
        walked(scenarios=["registration"], **{"chaos.faults": [fault]})


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("s3_error=0.1:5", "Did you mean 's3_errors'"),
        ("s3_errors:5", "s3_errors=AMOUNT:SECONDS"),
        ("s3_errors=1.5:5", "at most 1"),
        ("s3_down=3:5", "must be s3_down:SECONDS"),
        ("s3_down:0", "must be s3_down:SECONDS"),
        ("s3_down", "s3_errors=0.02:5"),
    ],
)
def test_a_fault_that_cannot_be_read_is_named(fault, says):
    with pytest.raises(UsageError, match=says):
        ordered_faults(load_config("smoke", flags={"chaos.faults": [fault]}, environ={}))


def test_the_chaos_profile_can_be_read_and_names_its_faults():
    labels = [str(each) for each in ordered_faults(load_config("chaos", environ={}))]
    assert "S3 errors 2 %" in labels
    assert "S3 killed" in labels
    assert "PostgreSQL restarted" in labels


def test_another_platform_is_refused(walked):
    with pytest.raises(UsageError, match="--platform in-process"):
        walked(platform="http")
