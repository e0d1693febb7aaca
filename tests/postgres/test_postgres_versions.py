"""The same proof on the oldest and the newest PostgreSQL: whom a build stalls, and what the plans say."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from reference.database import create_tables
from reference.seed import SeedSize, seed_histories
from tailguard.judge.proof.plan import parse_plan
from tailguard.migrations.migration import load_migrations
from tailguard.pipeline.migrations import IN_A_RUN
from tailguard.postgres.database import Database, open_database
from tailguard.proofs.evidence.evidence import prove_small
from tailguard.proofs.under_load import prove_under_load
from tailguard.record.part import Document
from tests.support.judged_proof import answers, state_of, why_of
from tests.support.postgres_versions import VERSIONS
from tests.support.suite import MIGRATIONS


def seeded(programs: tuple[Path | None, str], rows: int) -> Iterator[Database]:
    folder, major = programs
    with open_database(binaries=folder, environ={}) as database:
        assert database.version.split(".")[0] == major
        create_tables(database.conninfo)
        seed_histories(database.conninfo, size=SeedSize(ledger_rows=rows, moderation_rows=rows))
        yield database


@pytest.fixture(params=VERSIONS)
def small(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Both tables with 20,000 rows."""
    yield from seeded(request.param, 20_000)


@pytest.fixture(params=VERSIONS)
def large(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Both tables with 600,000 rows: builds that are long beside a hiccup of the machine."""
    yield from seeded(request.param, 600_000)


@pytest.mark.system
def test_both_migrations_gain_and_every_plan_is_read_back(small: Database, tmp_path: Path) -> None:
    for proof in prove_small(small, load_migrations(MIGRATIONS), repeats=3, plans_dir=tmp_path):
        assert state_of(proof) == "PASS", why_of(proof)
    files = sorted(tmp_path.glob("*.json"))
    assert len(files) == 4
    for file in files:
        for raw in json.loads(file.read_text(encoding="utf-8")):
            plan = parse_plan(Document(raw))
            kinds = {node.kind for node in plan.nodes}
            assert plan.has_sort is ("before" in file.name)
            assert ("Index Scan" in kinds) is ("after" in file.name)
            assert plan.root.blocks.total > 0
            assert plan.execution_ms > 0


@pytest.mark.proof
def test_builds_under_load_stall_nobody_and_the_control_is_caught(large: Database) -> None:
    proofs = list(prove_small(large, load_migrations(MIGRATIONS), repeats=5))
    assert len(proofs) == 2
    for proof in proofs:
        asked = answers(proof, prove_under_load(proof, large, IN_A_RUN))
        assert asked["positive control"].state == "PASS", asked
        assert asked["no failed request of writers"].state == "PASS"
        assert asked["no failed request of readers"].state == "PASS"
        assert "FAIL" not in [verdict.state for verdict in asked.values()], asked
        assert proof.live is not None
        phases = {look.phase for build in proof.live.builds for look in build.phases}
        assert any(phase.startswith("building index") for phase in phases), phases
