"""Scenarios whose fixtures start something: spectators, S3, a cut-over, the platform in a process of its own."""

import psutil
import pytest

from reference.database import create_tables
from reference.seed import seed_platform
from tailguard.base.errors import UsageError
from tailguard.faults import FaultProxy
from tailguard.record.samples import ERROR, OK
from tailguard.suite.invariants import SkippedError
from tailguard.suite.run import Run, Target
from tests.support.played import bound, built_ins, play, postgres_of
from tests.support.web_served import SIZE

pytestmark = pytest.mark.system

FIVE = {"scenario.websocket_broadcast.subscribers": 5}
BROADCAST = [
    "every broadcast reached every spectator once",
    "broadcasts arrived in order",
    "no spectator was dropped",
    "no event overtook its commit",
]


@pytest.fixture
def seeded(database):
    create_tables(database.conninfo)
    return seed_platform(database.conninfo, size=SIZE)


@pytest.fixture
def given(database, s3_server, tmp_path):
    """The built-ins of a run with servers of its own."""

    def given(flags=None, **values):
        values = {"postgres": postgres_of(database), "s3": s3_server} | values
        return built_ins(tmp_path, flags=flags or {}, **values)

    return given


def errors(measured):
    return {
        measured.samples.errors[kind] for kind in measured.samples.error[measured.samples.outcome == ERROR]
    }


def ok(measured, step):
    return int(measured.samples.ok(step).sum())


@pytest.mark.parametrize("platform", ["in-process", "http"])
def test_a_broadcast_ends_with_its_last_spectator(given, seeded, platform):
    with bound("websocket_broadcast", given(FIVE | {"platform": platform}), seeded=seeded) as scenario:
        measured, invariants = play(scenario, 40)
    assert errors(measured) == set()
    assert ok(measured, "broadcast") == 40
    assert {name: each.held for name, each in invariants.items()} == dict.fromkeys(BROADCAST, True)


def test_an_event_that_overtakes_its_commit_is_seen(given, seeded, monkeypatch):
    monkeypatch.setenv("TAILGUARD_FAULTS", "event_before_commit")
    with bound("websocket_broadcast", given(FIVE), seeded=seeded) as scenario:
        _, invariants = play(scenario, 20)
    assert not invariants["no event overtook its commit"].held


def test_a_run_that_cuts_spectators_off_has_a_switch_and_expects_them_back(given, seeded):
    run = Run("r1", 7, faults=("subscribers_dropped",))
    with bound("websocket_broadcast", given(FIVE, run=run), seeded=seeded) as scenario:
        switch = run.notes["feed"]
        assert isinstance(switch, FaultProxy)
        play(scenario, 10)
        assert switch.drop(0.4) == 2
        measured, invariants = play(scenario, 10)
    assert [name for name, each in invariants.items() if not each.held] == []
    assert {"every spectator that was cut off reconnected", "every acknowledged result can be read"} <= set(
        invariants
    )
    assert errors(measured) == set()


def test_every_upload_reads_back_from_s3_and_the_run_says_why_there_is_no_fallback(given, seeded):
    run = Run("r1", 7)
    with bound("certificate_upload", given(run=run), seeded=seeded) as scenario:
        measured, invariants = play(scenario, 30)
    assert (measured.samples.outcome == OK).all()
    assert [ok(measured, step) for step in scenario.steps] == [30, 30, 0]
    assert {name: each.held for name, each in invariants.items()} == {
        "every acknowledged certificate reads back": True,
        "every certificate keeps its SHA-256": True,
        "every acknowledged certificate has its row": True,
    }
    assert "there is no local disk beside S3" in run.notes["certificate_upload.fallback_read"]


@pytest.mark.parametrize("platform", ["in-process", "http"])
def test_with_a_disk_beside_s3_what_s3_has_lost_is_served_from_the_disk(given, seeded, platform):
    run = Run("r1", 7)
    flags = {"certificates.storage": "dual_write", "platform": platform}
    with bound("certificate_upload", given(flags, run=run), seeded=seeded) as scenario:
        measured, invariants = play(scenario, 4)
    assert (measured.samples.outcome == OK).all()
    assert [ok(measured, step) for step in scenario.steps] == [4, 4, 4]
    assert invariants["every fallback read was one"].held
    assert all(each.held for each in invariants.values())
    assert "certificate_upload.fallback_read" not in run.notes


@pytest.mark.parametrize("platform", ["in-process", "http"])
def test_a_large_certificate_goes_to_s3_in_parts_and_reads_back(given, seeded, s3_server, platform):
    with bound("large_certificate_upload", given({"platform": platform}), seeded=seeded) as scenario:
        measured, invariants = play(scenario, 2)
        listed = s3_server.client().list_objects_v2(Bucket=s3_server.bucket, Prefix=s3_server.prefix)
    assert errors(measured) == set()
    assert (
        sum(each["ETag"].endswith('-2"') for each in listed["Contents"]) >= 2
    )  # as S3 names what came in two parts
    assert all(each.held for each in invariants.values())


def test_a_cut_over_is_walked_to_its_end_and_loses_nothing(given):
    run = Run("r1", 7, planned={"certificate_migration": 200})
    settings = {"legacy": 20, "backfill_rate_per_s": 0.0}
    flags = {f"scenario.certificate_migration.{name}": value for name, value in settings.items()}
    with bound("certificate_migration", given(flags, run=run)) as scenario:
        measured, invariants = play(scenario, 200)
    assert errors(measured) == set()
    assert len(invariants) == 10
    assert all(each.held for each in invariants.values())
    assert ok(measured, "upload_read_primary") > ok(measured, "upload_backfill") > 0


def test_a_cut_over_is_not_walked_over_http(given):
    with (
        pytest.raises(SkippedError, match="it switches the flags of the platform that it runs on"),
        bound("certificate_migration", given({"platform": "http"})),
    ):
        pass


def test_the_served_platform_is_another_process_and_gone_afterwards(given, seeded):
    before = set(psutil.Process().children(recursive=True))
    with bound("registration", given({"platform": "http"}), seeded=seeded) as scenario:
        measured, invariants = play(scenario, 50)
        served = [each for each in psutil.Process().children() if "perf.reference_process" in each.cmdline()]
        assert len(served) == 1
    assert errors(measured) == set()
    assert all(each.held for each in invariants.values())
    assert not served[0].is_running()
    assert set(psutil.Process().children(recursive=True)) <= before


def test_a_server_elsewhere_needs_the_secret_that_signs_its_tokens(given, monkeypatch):
    monkeypatch.delenv("DELTACROWN_SECRET", raising=False)
    with (
        pytest.raises(UsageError, match="set DELTACROWN_SECRET"),
        bound("registration", given(target=Target("http://127.0.0.1:1"))),
    ):
        pass
