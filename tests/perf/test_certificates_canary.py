"""A canary of the dual write by the command, on real workers, a real database, disk and S3 server behind a proxy."""

import dataclasses
import hashlib
import json
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import psycopg
import pytest

from perf.certificate_pool import order_of
from reference.certificates import Flags, LocalStorage, MigratingStorage, S3Storage, connect_s3
from reference.certificates.canary.control import CanaryControl, Phase, in_canary
from reference.certificates.canary.worker import CanaryWorker
from reference.database import create_tables
from reference.platform import DeltaCrown
from reference.seed import seed_platform
from tailguard.cli.main import run_cli
from tailguard.faults.proxy import Fault, FaultProxy
from tests.support.certificate_rows import TABLE, clear
from tests.support.crown_small import SECRET, SMALL

pytestmark = pytest.mark.system

NAMES = [f"worker-{number}" for number in range(12)]
SHARE = 0.5  # five of the twelve, by their names
CANARY = [name for name in NAMES if in_canary(name, SHARE)]
assert 0 < len(CANARY) < len(NAMES)
SIZE = dataclasses.replace(SMALL, users=1200, awards=1200)


@pytest.fixture(scope="module")
def seeded(module_database):
    create_tables(module_database.conninfo)
    return seed_platform(module_database.conninfo, size=SIZE)


class Platform:
    """Twelve workers on one disk; S3 is behind a proxy that can be slow."""

    def __init__(self, conninfo, seeded, s3_server, proxy, root, capsys):
        root.mkdir()
        self.capsys = capsys
        self.conninfo, self.seeded, self.proxy = conninfo, seeded, proxy
        self.root, self.prefix = root, f"{s3_server.prefix}canary-{uuid.uuid4().hex}/"
        self.client = connect_s3(
            f"http://{proxy.address}", s3_server.access_key, s3_server.secret_key, s3_server.region
        )
        self.bucket, self.stored, self._numbers, self._lock = s3_server.bucket, {}, count(), threading.Lock()
        self.workers = {name: self.worker(name) for name in NAMES}

    def worker(self, name, flags=None):
        """Start a worker, as the platform does with this name."""
        storage = MigratingStorage(
            LocalStorage(self.root), S3Storage(self.client, self.bucket, self.prefix), flags
        )
        platform = DeltaCrown(self.conninfo, secret=SECRET, storage=storage, worker=name, pool_size=2)
        follower = CanaryWorker(name, storage, CanaryControl(platform.database), refresh_s=0.1)
        follower.follow()
        follower.start()
        return platform, follower

    def upload(self, each):
        """Let every worker store that many certificates, all of them one, then all the next."""
        with ThreadPoolExecutor(len(NAMES)) as workers:
            for _ in range(each):
                list(workers.map(self.store, NAMES))

    def store(self, name):
        with self._lock:
            number = next(self._numbers)
        body = f"<svg>{uuid.uuid4()}</svg>".encode()
        award, kind = order_of(self.seeded.awards, number)
        made = self.workers[name][0].upload_certificate(award, body, kind)
        self.stored[made.id] = hashlib.sha256(body).hexdigest()

    def run(self, *words):
        code = run_cli(["certificates", *words, "--prefix", self.prefix, "--json"])
        told = self.capsys.readouterr()
        return code, json.loads(told.out) if told.out else {}, told.err

    def all_read_back(self):
        certificates = self.workers[NAMES[0]][0].certificates
        return all(
            hashlib.sha256(certificates.download(number)[1]).hexdigest() == sha256
            for number, sha256 in self.stored.items()
        )

    def on_s3(self):
        """Who wrote how many certificates to S3."""
        with psycopg.connect(self.conninfo) as connection:
            rows = connection.execute(
                f"SELECT stored_by, count(*) FROM {TABLE} WHERE s3_write = 'ok' GROUP BY stored_by"
            )
            return dict(rows.fetchall())

    def close(self):
        for platform, follower in self.workers.values():
            follower.close()
            platform.close()
        self.client.close()


@pytest.fixture
def platform(module_database, seeded, s3_server, tmp_path, capsys, monkeypatch):
    host, port = s3_server.address.split(":")
    environ = {
        "DATABASE_URL": module_database.conninfo,
        "CERT_LOCAL_ROOT": str(tmp_path / "certificates"),
        "AWS_STORAGE_BUCKET_NAME": s3_server.bucket,
        "AWS_ENDPOINT_URL_S3": s3_server.endpoint,
        "AWS_ACCESS_KEY_ID": s3_server.access_key,
        "AWS_SECRET_ACCESS_KEY": s3_server.secret_key,
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with FaultProxy(host, int(port)) as proxy:
        made = Platform(module_database.conninfo, seeded, s3_server, proxy, tmp_path / "certificates", capsys)
        yield made
        made.close()
    clear(module_database.conninfo)
    with psycopg.connect(module_database.conninfo) as connection:
        for name in ("canary", "worker"):
            connection.execute(f"DELETE FROM tournament_engine_certificate_{name}".encode())


def observed(platform, each=54):
    """Play the canary until it has written."""
    assert platform.run("canary", "observe", "--share", str(SHARE))[0] == 0
    platform.upload(each)
    assert platform.on_s3() == {}
    assert platform.run("canary", "start")[0] == 0


@pytest.mark.proof
def test_a_canary_that_passes_is_promoted_and_all_is_consistent(platform):
    observed(platform)
    platform.upload(54)
    assert set(platform.on_s3()) == {*CANARY}
    code, found, _ = platform.run("canary", "status", "--most", "2000")
    assert (code, found["verdict"]) == (0, "PASS"), json.dumps(found, indent=1)
    assert (found["canary"], found["figures"]["canary"]["uploads"]) == (CANARY, 54 * len(CANARY))
    code, moved, _ = platform.run("canary", "promote", "--most", "2000")
    assert (code, moved["phase"], moved["behind"], moved["check"]["clean"]) == (0, "promoted", [], True)
    platform.upload(2)
    assert set(platform.on_s3()) == {*NAMES}
    assert platform.run("check", "--all")[1]["clean"]
    assert platform.all_read_back()


@pytest.mark.proof
def test_s3_that_is_slow_for_the_canary_fails_and_the_rollback_loses_nothing(platform):
    observed(platform)
    platform.proxy.set([Fault("slow", seconds=0.4)])
    platform.upload(54)
    code, found, _ = platform.run("canary", "status", "--most", "20")
    assert (code, found["verdict"]) == (99, "FAIL"), json.dumps(found, indent=1)
    assert any(each["state"] == "FAIL" and "more than +20 ms" in each["why"] for each in found["changes"])
    code, _, complained = platform.run("canary", "promote", "--most", "20")
    assert (code, "Not promoted" in complained) == (99, True)
    code, moved, _ = platform.run("canary", "rollback")
    assert (code, moved["behind"], moved["check"]["clean"]) == (0, [], True)
    written = platform.on_s3()
    platform.upload(2)
    assert platform.on_s3() == written
    assert platform.run("check", "--all")[1]["clean"]
    assert platform.all_read_back()


def test_a_rollback_needs_no_s3(platform, monkeypatch):
    observed(platform, 2)
    platform.proxy.set([Fault("down")])
    platform.upload(1)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://{platform.proxy.address}")
    code, moved, _ = platform.run("canary", "rollback")
    assert (code, moved["phase"], moved["behind"]) == (75, "rolled_back", [])
    assert "could not list" in moved["unchecked"]
    platform.proxy.set([])
    code, report, _ = platform.run("check", "--all")
    assert (code, report["clean"]) == (0, True)
    assert platform.all_read_back()


def test_too_few_uploads_are_invalid_and_are_not_promoted(platform):
    observed(platform, 1)
    platform.upload(1)
    code, found, _ = platform.run("canary", "promote")
    assert (code, found["verdict"]) == (65, "INVALID")
    assert "no window has 20 samples of each group" in found["changes"][0]["why"]
    assert CanaryControl(platform.workers[NAMES[0]][0].database).state().phase is Phase.WRITING


def test_a_rest_that_writes_to_s3_as_well_is_invalid(platform):
    observed(platform, 1)
    other = next(name for name in NAMES if name not in CANARY)
    for part in platform.workers[other][::-1]:
        part.close()
    platform.workers[other] = platform.worker(other, Flags(dual_write=True))
    platform.upload(1)
    code, found, _ = platform.run("canary", "status")
    assert (code, found["why_invalid"]) == (
        65,
        f"{other} write to S3, too, and are not of the canary: is CERT_S3_DUAL_WRITE on there?",
    )


def test_a_restarted_worker_keeps_its_group(platform):
    observed(platform, 1)
    for part in platform.workers[CANARY[0]][::-1]:
        part.close()
    platform.workers[CANARY[0]] = platform.worker(CANARY[0])
    platform.upload(1)
    assert CANARY[0] in platform.on_s3()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["start"], "The canary is not formed; it must be observing before it is writing."),
        (["promote"], "it must be writing before it is promoted"),
        (["rollback"], "it must be observing or writing or promoted before it is rolled back"),
        (["observe", "--share", "0.001"], "has none of the 12 workers, by their names: give --share"),
    ],
)
def test_what_may_not_come_now_is_told(platform, words, told):
    code, _, complained = platform.run("canary", *words)
    assert code == 64
    assert told in complained


def test_half_of_many_names_is_half_of_the_workers_and_a_greater_share_has_the_smaller_one():
    names = [f"web-{number}.example" for number in range(10_000)]
    tenth, half = ({name for name in names if in_canary(name, share)} for share in (0.1, 0.5))
    assert len(tenth) == pytest.approx(1000, abs=120)
    assert len(half) == pytest.approx(5000, abs=200)
    assert tenth < half
