"""Whole runs on real servers, small: what is measured is on disk, and each fault breaks what it should."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tailguard.base.errors import UsageError
from tailguard.config.merge import load_config
from tailguard.engine.measure import Progress
from tailguard.pipeline.suite_run import Watch, run_suite
from tailguard.postgres.server import Server, embedded_postgres
from tailguard.record.run import Run
from tailguard.record.run_record import Ended

pytestmark = pytest.mark.system

Suite = Callable[..., Run]
SMALL: dict[str, Any] = {
    "migrations.run": False,
    "migrations.economy_rows": 4_000,
    "migrations.moderation_rows": 1_000,
    "load.warmup": 4,
    "load.min_samples": 120,
    "load.max_samples": 160,
    "load.rate_per_s": 200.0,
    "load.max_seconds": 20.0,
    "placement.pin": False,
}


@pytest.fixture
def suite(postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Suite]:
    """Run a small suite on the session's server."""

    def run(*slugs: str, faults: str = "", watch: Watch | None = None, **changes: Any) -> Run:
        monkeypatch.setenv("TAILGUARD_FAULTS", faults)
        flags = SMALL | {"database.dsn": postgres.dsn, "runs_dir": str(tmp_path), "scenarios": list(slugs)}
        flags |= {name.replace("__", "."): value for name, value in changes.items()}
        return run_suite(load_config("smoke", flags=flags), watch, command=["test"])

    return run


def broken(run: Run) -> set[str]:
    return {each.name for each in run.record.invariants if not each.held}


def test_a_clean_run_is_complete_on_disk_and_holds_every_invariant(suite: Suite, tmp_path: Path) -> None:
    run = suite("registration", "result_submission", "economy_transfer")
    record = Run.load(run.folder).record
    assert record.complete
    assert list(record.scenarios) == ["registration", "result_submission", "economy_transfer"]
    assert broken(run) == set()
    assert all(entry.counts.error == 0 for entry in record.scenarios.values())


def test_every_quantile_can_be_recomputed_with_pandas(suite: Suite) -> None:
    run = suite("registration")
    frame = pd.read_parquet(run.folder / "samples.parquet")
    ok = frame[(frame.scenario == "registration") & (frame.step == "register") & (frame.outcome == "ok")]
    response_ms = (ok.ended_ns - ok.intended_ns) / 1e6
    recorded = run.record.scenarios["registration"].steps["register"].response_ms
    for quantile in (recorded.p50, recorded.p95, recorded.p99):
        q = quantile.q
        assert (
            quantile.value == response_ms.quantile(q, interpolation="higher")
            or quantile.value == sorted(response_ms)[-(-len(response_ms) * int(q * 100) // 100) - 1]
        )


def test_a_full_tournament_refuses_cleanly_and_is_counted_apart(suite: Suite) -> None:
    run = suite("registration", load__min_samples=290, load__max_samples=320)
    counts = run.record.scenarios["registration"].counts
    assert counts.conflict > 0
    assert counts.error == 0
    assert broken(run) == set()


def test_capacity_not_enforced_breaks_its_invariant(suite: Suite) -> None:
    run = suite("registration", faults="capacity", load__min_samples=290, load__max_samples=320)
    assert "no tournament is over its capacity" in broken(run)


def test_a_lost_state_guard_gives_a_version_two_winners(suite: Suite) -> None:
    assert "each version of a match has one winner" in broken(
        suite("result_submission", faults="state_guard")
    )


@pytest.mark.proof  # a deadlock takes PostgreSQL's deadlock_timeout, a second, to be found
def test_transfers_that_cross_deadlock_where_the_lock_order_is_lost(suite: Suite) -> None:
    # Two transfers of the same pair must run at once: on a busy machine few of them do.
    run = suite("economy_transfer", faults="crossing_deadlock", load__min_samples=400, load__max_samples=400)
    assert "no deadlock" in broken(run)
    assert "money is conserved" not in broken(run)


def test_broadcasts_reach_everybody_and_no_event_overtakes_its_commit(suite: Suite) -> None:
    run = suite("websocket_broadcast", scenario__websocket_broadcast__subscribers=5)
    assert broken(run) == set()
    assert run.record.scenarios["websocket_broadcast"].counts.error == 0


def test_an_event_before_its_commit_is_seen_by_the_observer(suite: Suite) -> None:
    run = suite(
        "websocket_broadcast", faults="event_before_commit", scenario__websocket_broadcast__subscribers=5
    )
    assert broken(run) == {"no event overtook its commit"}


def test_certificates_with_any_name_read_back_unchanged(suite: Suite) -> None:
    run = suite("certificate_upload", load__min_samples=40, load__max_samples=60, load__rate_per_s=40.0)
    entry = run.record.scenarios["certificate_upload"]
    assert broken(run) == set()
    assert entry.steps["upload"].counts.ok == entry.steps["presigned_read"].counts.ok >= 40
    assert run.record.environment.s3 is not None
    assert run.record.environment.s3.server in {"seaweedfs", "moto"}


@pytest.mark.proof  # starts a server of its own and five scenarios
def test_the_same_journeys_run_over_http(suite: Suite) -> None:
    slugs = (
        "registration",
        "result_submission",
        "websocket_broadcast",
        "economy_transfer",
        "certificate_upload",
    )
    run = suite(*slugs, platform="http", load__min_samples=30, load__max_samples=40, load__rate_per_s=30.0)
    assert broken(run) == set()
    assert all(entry.counts.error == 0 for entry in run.record.scenarios.values())


def test_faults_that_are_on_are_in_the_record(suite: Suite) -> None:
    run = suite("registration", faults="delay_ms=1@registration")
    assert run.record.platform.faults == ("delay_ms=1@registration",)


def test_an_unknown_fault_is_named(suite: Suite) -> None:
    with pytest.raises(UsageError, match="capcity"):
        suite("registration", faults="capcity")


def test_what_was_measured_before_an_interrupt_is_saved_and_marked(suite: Suite) -> None:
    def interrupt(progress: Progress) -> None:
        if len(progress.samples) >= 50:
            raise KeyboardInterrupt

    run = suite("registration", watch=Watch(on_progress=interrupt), load__slice_s=0.2)
    assert run.record.ended is Ended.INTERRUPTED
    assert len(pd.read_parquet(run.folder / "samples.parquet")) >= 50


def test_a_database_that_dies_leaves_an_incomplete_run_with_its_samples(suite: Suite) -> None:
    with embedded_postgres(settings={"shared_buffers": "16MB"}) as mortal:

        def kill(progress: Progress) -> None:
            if len(progress.samples) >= 60:
                mortal.control.off()

        watch = Watch(on_progress=kill)
        run = suite("registration", watch=watch, load__slice_s=0.3, database__dsn=mortal.dsn)
    assert not run.complete
    assert "the database could no longer be read" in run.record.why_incomplete
    assert len(pd.read_parquet(run.folder / "samples.parquet")) >= 60


def test_an_unknown_scenario_is_named_with_its_nearest(suite: Suite) -> None:
    with pytest.raises(UsageError, match="Did you mean 'registration'"):
        suite("registraton")
