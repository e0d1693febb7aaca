"""The guards of migrations as pytest runs them: one that does not help its query fails, with the reason."""

import numpy as np
import pytest
from msgspec.structs import replace

import slo
from tailguard.judge.objectives import parse_objectives
from tailguard.judge.proof.responses import window_name
from tailguard.migrations.migration import what_if
from tailguard.proofs.evidence.evidence import prove_small
from tailguard.record.migration import Unproved
from tests.support.made_migration import migration
from tests.support.made_proof import live, samples, stalled, window
from tests.support.runs_by_hand import made_run, samples_of

pytestmark = pytest.mark.system

pytest_plugins = ["pytester"]

PROVED = migration()
UNDECIDED = replace(PROVED, unproved=Unproved(because="too few to tell", stopped=True))
IMPOSSIBLE = replace(PROVED, unproved=Unproved(because="no table t", stopped=False))


@pytest.fixture
def guard(pytester, tmp_path, monkeypatch):
    """Run the guards of migrations on a run that has proved these; returns pytest's result."""
    monkeypatch.delenv("CI", raising=False)

    def run_guards(*migrations, because=None, met=None):
        table = {"step": "register", "p95": "<= 215ms"}
        run = made_run(
            tmp_path,
            registration=samples_of("registration", ("register",), np.full(1200, 20.0)),
            objectives=parse_objectives({"scenarios": {"registration": table}}),
            migrations=migrations,
            because=because,
        )
        if met:
            run.write_live(met)
        options = ["-p", "no:locust", "-p", "no:cacheprovider", "-m", "performance", "-k", "test_migration"]
        return pytester.runpytest_inprocess(
            f"{slo.__path__[0]}/test_slo.py", *options, f"--slo-run={run.folder}", "-rA"
        )

    return run_guards


def test_a_proved_migration_passes_by_its_name(guard):
    result = guard(PROVED)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["PASSED *test_migration[[]0001_idx_tx_wallet_created_desc]*"])


def test_an_index_that_does_not_help_its_query_fails_with_the_reason(guard, database):
    """Proved on a real server: the query asks for another column than the one that is indexed."""
    with database.connect() as connection:
        connection.execute("CREATE TABLE t AS SELECT n AS a, n AS b FROM generate_series(1, 5000) n")
        connection.execute("ANALYZE t")
    useless = what_if(
        "CREATE INDEX CONCURRENTLY idx_t_a ON t (a)", "SELECT a FROM t WHERE b = %(b)s", '{"b": 7}'
    )
    result = guard(*(proof.entry for proof in prove_small(database, [useless], repeats=2)))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["FAIL: migration what-if_idx_t_a", "*why *idx_t_a*", "*asked *observed*Seq Scan*", "*run *"]
    )


def test_a_migration_that_stalls_somebody_fails_with_what_was_seen(guard):
    names = [window_name("0001/", build, "writers") for build in ("build_1", "build_2")]
    met = samples() | {name: window(name, stalled(900.0)) for name in names}
    result = guard(replace(PROVED, live=live()), met=met)
    result.assert_outcomes(failed=1)
    asked = "*asked *longest wait of writers: below 500 ms (and below 50 % of a build of at least 0.3 s), observed 9*"
    result.stdout.fnmatch_lines(
        ["*why *longest wait of writers: expected *, over the limit in 2 of 2 builds*", asked]
    )


def test_an_undecided_migration_is_neither_passed_nor_failed(guard):
    result = guard(UNDECIDED)
    assert result.ret == pytest.ExitCode.OK
    assert result.parseoutcomes()["inconclusive"] == 1
    result.stdout.fnmatch_lines(["*too few to tell*"])


def test_an_undecided_migration_fails_in_ci(guard, monkeypatch):
    monkeypatch.setenv("PYTEST_ADDOPTS", "--slo-inconclusive=fail")
    assert guard(UNDECIDED).ret == pytest.ExitCode.TESTS_FAILED


@pytest.mark.parametrize(("found", "because"), [(IMPOSSIBLE, None), (PROVED, "the database was killed")])
def test_a_migration_that_could_not_be_proved_or_whose_run_broke_off_is_an_error(guard, found, because):
    result = guard(found, because=because)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*why *{because or 'no table t'}*"])
