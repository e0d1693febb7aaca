"""The migrations' part of a run: builds under load on tables of their own, told with the evidence."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tailguard.base.errors import UsageError
from tailguard.base.state import worst
from tailguard.config.merge import load_config
from tailguard.judge.proof.verdicts import proof_verdicts
from tailguard.pipeline import migrations as _migrations
from tailguard.pipeline.suite_run import run_suite
from tailguard.postgres.location import connect
from tailguard.postgres.server import Server
from tailguard.record.run import Run
from tailguard.report.report import rendered
from tailguard.report.views.proof.sentences import why, worth
from tests.support.each import each

Suite = Callable[..., Run]
SMALL: dict[str, Any] = {
    "scenarios": ["registration"],
    "migrations.economy_rows": 6_000,
    "migrations.moderation_rows": 2_000,
    "migrations.repeats": 3,
    "load.warmup": 4,
    "load.min_samples": 100,
    "load.max_samples": 120,
    "placement.pin": False,
}


def measured(postgres: Server, folder: Path, live_rows: int) -> Run:
    flags = SMALL | {
        "database.dsn": postgres.dsn,
        "runs_dir": str(folder),
        "migrations.live_rows": live_rows,
    }
    return run_suite(load_config("smoke", flags=flags), command=["test"])


def schemas(postgres: Server) -> set[object]:
    with connect(postgres.dsn) as connection:
        rows = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'tailguard%'")
        return {name for (name,) in rows}


@pytest.mark.system
def test_one_build_that_few_requests_meet_is_inconclusive_and_says_so(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = replace(
        _migrations.IN_A_RUN, calibration_s=0.2, baseline_s=0.3, fewest_builds=1, most_builds=1, control=False
    )
    monkeypatch.setattr(_migrations, "IN_A_RUN", short)
    before = schemas(postgres)
    run = measured(postgres, tmp_path, live_rows=6_000)
    assert run.complete
    assert schemas(postgres) == before
    live = run.live_samples()
    for entry in run.record.migrations:
        assert entry.live is not None
        assert (entry.live.rows, entry.rows in (6_000, 2_000)) == (6_000, True)
        verdicts = proof_verdicts(entry, live)
        told = why(entry, verdicts)
        assert worst(verdict.state for verdict in verdicts) == "INCONCLUSIVE", told
        assert "too few to tell" in told
        assert worth(entry).startswith("Each query saves")
    sent = set(pd.read_parquet(run.folder / "live.parquet")["scenario"])
    assert {"0001/baseline_writers", "0001/build_1_readers", "0002/after_writers"} <= sent
    assert "is missing from the run's folder" not in rendered(run, "html")


@pytest.mark.system
def test_without_rows_for_it_nothing_is_built_under_load(postgres: Server, tmp_path: Path) -> None:
    run = measured(postgres, tmp_path, live_rows=0)
    states = [worst(each.state for each in proof_verdicts(entry, {})) for entry in run.record.migrations]
    assert states == ["PASS", "PASS"]
    assert [entry.live for entry in run.record.migrations] == [None, None]
    assert not (run.folder / "live.parquet").exists()


def test_too_few_rows_are_refused_before_anything_is_measured() -> None:
    config = load_config("smoke", flags={"migrations.live_rows": 400})
    with pytest.raises(UsageError, match=r"live_rows = 400: give at least 5,000, or 0"):
        _migrations.check_live_rows(config)


@pytest.mark.proof
def test_a_run_proves_each_migration_under_load_and_catches_the_control(
    postgres: Server, tmp_path: Path
) -> None:
    run = measured(postgres, tmp_path, live_rows=600_000)
    live = run.live_samples()
    for entry in each(run.record.migrations):
        verdicts = proof_verdicts(entry, live)
        assert {verdict.name: verdict.state for verdict in verdicts}["positive control"] == "PASS", verdicts
        assert worst(verdict.state for verdict in verdicts) in ("PASS", "INCONCLUSIVE"), verdicts
