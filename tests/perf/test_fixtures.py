"""The suite's fixtures: what is checked before anything is started, and what other processes of a run get of them."""

import sys
from textwrap import dedent

import pytest

from perf.adapters.choice import check_adapter
from perf.platform import NEEDED
from reference.seed import Seeded
from tailguard.base.errors import UsageError
from tailguard.postgres import Postgres
from tailguard.record.doubt import Grade
from tailguard.suite.fixture import fixture
from tailguard.suite.invariants import SkippedError
from tailguard.suite.resolver import Resolver
from tailguard.suite.run import Run, Shard, Target
from tailguard.trust.suite_doubts import doubts_of_notes
from tests.support.played import bound, built_ins, planned
from tests.support.web_served import SIZE

SEEDED = Seeded.of(SIZE)
UNREACHABLE = Postgres("host=127.0.0.1 port=1", "", "", "")


@pytest.fixture
def acme(tmp_path, monkeypatch):
    """An adapter of somebody's own, which can register and submit, and nothing else."""
    source = """
        class Acme:
            def __init__(self, world):
                self.world = world
            def register(self, tournament_id, user_id): ...
            def submit_result(self, match_id, user_id, score1, score2, version): ...
            def close(self): ...
        class Open:
            def register(self, tournament_id, user_id): ...
        class Worldless:
            def register(self, tournament_id, user_id): ...
            def close(self): ...
        made = Acme(None)
    """
    (tmp_path / "acme_perf.py").write_text(dedent(source))
    (tmp_path / "acme_broken.py").write_text("1 / 0")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield "acme_perf"
    sys.modules.pop("acme_perf", None)


def test_an_adapter_has_all_that_the_chosen_scenarios_need(acme):
    check_adapter(f"{acme}:Acme", ["registration", "result_submission"])


def test_all_that_an_adapter_lacks_is_named_at_once(acme):
    with pytest.raises(UsageError) as caught:
        check_adapter(f"{acme}:Open", NEEDED)
    assert "lacks submit_result, feed, transfer, upload_certificate, read_presigned, close" in str(
        caught.value
    )


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("acme_perf", "package.module:Name"),
        ("acme_perf:", "package.module:Name"),
        ("../acme:Acme", "package.module:Name"),
        (".acme:Acme", "package.module:Name"),
        ("acme_perv:Acme", "'acme_perv' cannot be imported"),
        ("acme_broken:Acme", "'acme_broken' cannot be imported .ZeroDivisionError"),
        ("os:system", "'os' has no class 'system'"),
        ("acme_perf:Worldless", r"write def __init__\(self, world\)"),
        ("acme_perf:Amce", "'acme_perf' has no class 'Amce'"),
        ("acme_perf:made", "'acme_perf' has no class 'made'"),
    ],
)
def test_an_adapter_that_cannot_be_found_is_named_with_the_reason(acme, spec, told):
    with pytest.raises(UsageError, match=told):
        check_adapter(spec, ["registration"])


def test_an_adapter_is_checked_before_anything_is_started(acme, tmp_path):
    started = []

    @fixture(scope="run")
    def postgres():
        started.append("postgres")
        return UNREACHABLE

    given = built_ins(tmp_path, flags={"platform": f"{acme}:Acme"}) | {"postgres": postgres}
    with (
        Resolver() as resolver,
        pytest.raises(UsageError, match="lacks feed, transfer, upload_certificate, read_presigned: see"),
    ):
        resolver.export([planned("registration", given)])
    assert started == []


def test_a_fault_that_there_is_not_is_named_before_anything_is_started(tmp_path, monkeypatch):
    monkeypatch.setenv("TAILGUARD_FAULTS", "capcity")
    given = built_ins(tmp_path, postgres=UNREACHABLE)
    with pytest.raises(UsageError, match="unknown fault 'capcity'"), bound("registration", given):
        pass


def test_the_scenarios_of_an_adapter_of_ones_own_run_on_it(acme, tmp_path):
    flags = {"platform": f"{acme}:Acme", "scenarios": ["registration"]}
    run, postgres = Run("r1", 7), UNREACHABLE
    given = built_ins(tmp_path, flags=flags, run=run, postgres=postgres)
    with bound("registration", given, seeded=SEEDED) as scenario:
        assert "shows no database: give it a method database()" in scenario.unchecked
        adapter = next(each for each in scenario.shared if type(each).__name__ == "Acme")
    assert (adapter.world.rows.users, adapter.world.conninfo) == (SEEDED.users, postgres.conninfo)
    (doubt,) = doubts_of_notes(run.notes)
    assert (doubt.kind, doubt.grade) == ("nothing_checked", Grade.GRAVE)


@pytest.mark.system
def test_other_processes_get_the_same_rows_and_each_has_matches_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("DELTACROWN_SECRET", "s" * 40)
    target, matches = Target("http://127.0.0.1:1"), []
    with Resolver() as resolver:
        exported = resolver.export([planned("result_submission", built_ins(tmp_path, target=target))])
    for index in range(2):
        given = built_ins(tmp_path, target=target, shard=Shard(index, 2))
        plan = planned("result_submission", given)
        monkeypatch.delenv("DELTACROWN_SECRET", raising=False)  # a worker has it from the master
        with Resolver(exported) as resolver:
            matches.append(set(resolver.value(plan.journey["matches"]).ids))
    assert not matches[0] & matches[1]
    assert len(matches[0] | matches[1]) == 1_500


def test_a_run_of_a_target_elsewhere_starts_nothing_and_reads_no_database(tmp_path, monkeypatch):
    monkeypatch.setenv("DELTACROWN_SECRET", "s" * 40)
    run = Run("r1", 7)
    given = built_ins(tmp_path, target=Target("http://127.0.0.1:1"), run=run)
    with bound("certificate_upload", given) as scenario:
        assert scenario.unchecked == "no DSN says where the target's database is"
    assert "no local disk" in run.notes["certificate_upload.fallback_read"]


def test_the_cut_over_is_for_the_platform_that_it_switches(tmp_path):
    given = built_ins(tmp_path, target=Target("http://127.0.0.1:1"))
    with Resolver() as resolver, pytest.raises(SkippedError, match="use --platform in-process"):
        resolver.export([planned("certificate_migration", given)])
