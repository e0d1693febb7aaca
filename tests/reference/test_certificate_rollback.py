"""Each roll-back of the runbook, tried on a real database, disk and S3 server, and timed."""

import hashlib
import time
import uuid
from contextlib import closing, contextmanager
from threading import Event, Thread

import pytest
import urllib3

from reference.certificates import (
    Flags,
    LocalStorage,
    Metrics,
    MigratingStorage,
    NoLink,
    S3Storage,
    connect_s3,
)
from reference.certificates.backfill import Backfill, BackfillPlan
from reference.certificates.consistency import ConsistencyCheck
from reference.database import Database
from reference.platform import DeltaCrown
from reference.web.app import create_app
from reference.web.server import WebServer, bind
from tailguard.faults.proxy import Fault, FaultProxy
from tests.support.certificate_rows import clear, legacy, marked
from tests.support.crown_small import SECRET
from tests.support.waiting import eventually
from tests.support.web_served import SECRET as WEB_SECRET

MINUTE_S = 60.0  # what the runbook promises


class Place:
    """A platform in the middle of its cut-over, S3 behind a proxy that can fail."""

    def __init__(self, conninfo, seeded, s3_server, proxy, folder):
        client = connect_s3(
            f"http://{proxy.address}", s3_server.access_key, s3_server.secret_key, s3_server.region,
            connect_timeout_s=1.0, read_timeout_s=1.0,
        )  # fmt: skip
        self.client, self.proxy, self.seeded, self.conninfo = client, proxy, seeded, conninfo
        self.local = LocalStorage(folder)
        self.s3 = S3Storage(client, s3_server.bucket, f"{s3_server.prefix}rollback-{uuid.uuid4().hex}/")
        self.storage = MigratingStorage(self.local, self.s3)
        self.platform = DeltaCrown(conninfo, secret=SECRET, storage=self.storage)
        self.stored = {}
        self._awards = iter(seeded.awards)

    def upload(self, count=5):
        for _ in range(count):
            body = f"<svg>Curaçao 東京 {uuid.uuid4()}</svg>".encode()
            stored = self.platform.upload_certificate(next(self._awards), body)
            self.stored[stored.id] = hashlib.sha256(body).hexdigest()

    def all_read_back(self):
        return all(
            hashlib.sha256(self.platform.certificates.download(number)[1]).hexdigest() == sha256
            for number, sha256 in self.stored.items()
        )

    def check(self):
        return ConsistencyCheck(self.platform.database, self.local, self.s3, 1.0, settle_s=0.0).run()

    def close(self):
        self.platform.close()
        self.client.close()


@pytest.fixture
def place(module_database, seeded, s3_server, tmp_path):
    host, port = s3_server.address.split(":")
    with FaultProxy(host, int(port)) as proxy:
        made = Place(module_database.conninfo, seeded, s3_server, proxy, tmp_path / "certificates")
        yield made
        made.close()
    clear(module_database.conninfo)


@pytest.fixture
def timed(request):
    """Time a roll-back, keep it in the test report, and hold it to the runbook's promise."""

    def timed(name, roll_back):
        began_s = time.monotonic()
        roll_back()
        took_s = time.monotonic() - began_s
        request.node.user_properties.append((f"rollback.{name}.seconds", round(took_s, 3)))
        assert took_s < MINUTE_S

    return timed


def test_reading_s3_first_is_rolled_back_while_s3_is_down(place, timed):
    place.upload()
    place.storage.flags = Flags(dual_write=True, read_primary=True)
    place.upload()
    place.proxy.set([Fault("down")])
    place.upload(2)

    def roll_back():
        place.storage.flags = Flags()
        assert place.all_read_back()
        with pytest.raises(NoLink):
            place.platform.certificate_url(next(iter(place.stored)))

    exchanges = place.proxy.injected["down"]
    timed("read_primary", roll_back)
    assert place.proxy.injected["down"] == exchanges  # nobody asks S3 any more


@pytest.mark.system
def test_the_dual_write_is_rolled_back_and_taken_up_again(place, timed):
    place.storage.flags = Flags(dual_write=True)
    place.upload()
    place.proxy.set([Fault("error")])
    place.upload()

    def roll_back():
        place.storage.flags = Flags()
        place.upload()
        assert place.all_read_back()

    timed("dual_write", roll_back)
    place.proxy.set([])
    place.storage.flags = Flags(dual_write=True)
    assert Backfill(place.platform.database, place.local, place.s3).run().failed == 0
    assert place.check().clean
    assert marked(place.conninfo) == 15


@pytest.mark.system
def test_a_backfill_is_stopped_and_what_it_did_stays_valid(place, timed):
    legacy(place.conninfo, place.seeded, place.local, 200)
    stop, ended = Event(), []
    backfill = Backfill(
        Database(place.conninfo), place.local, place.s3, BackfillPlan(batch=10, rate_per_s=50.0)
    )
    running = Thread(target=lambda: ended.append(backfill.run(stop=stop)))
    running.start()
    eventually(lambda: marked(place.conninfo))

    def roll_back():
        stop.set()
        running.join(MINUTE_S)

    timed("backfill", roll_back)
    backfill.database.close()
    assert not ended[0].finished
    assert place.check().clean
    assert 0 < marked(place.conninfo) < 200


@contextmanager
def worker(place, **variables):
    """A worker of the platform that read these variables at its start; yields what asks it for a certificate."""
    flags = Flags.from_environment(variables)
    platform = DeltaCrown(
        place.conninfo, secret=WEB_SECRET, storage=MigratingStorage(place.local, place.s3, flags)
    )
    staff = {"Authorization": f"Bearer {platform.tokens.mint(place.seeded.users[0])}"}
    with (
        closing(platform),
        WebServer(create_app(platform), bind("127.0.0.1", 0)) as server,
        urllib3.PoolManager(retries=False, timeout=30, headers=staff) as http,
    ):
        yield lambda number, end="": http.request(
            "GET", f"{server.url}/api/tournaments/certificates/{number}/{end}"
        )


def test_workers_restarted_with_the_flags_off_serve_from_the_disk_while_s3_is_down(place, timed):
    place.storage.flags = Flags(dual_write=True)
    place.upload()
    number, sha256 = next(iter(place.stored.items()))
    with worker(place, CERT_S3_DUAL_WRITE="true", CERT_S3_READ_PRIMARY="true") as ask:
        assert ask(number, "url/").status == 200
    place.proxy.set([Fault("down")])
    served = []

    def roll_back():
        with worker(place, CERT_S3_DUAL_WRITE="false", CERT_S3_READ_PRIMARY="false") as ask:
            served.extend([ask(number), ask(number, "url/")])

    asked = place.proxy.injected["down"]
    timed("workers", roll_back)
    whole, link = served
    assert (whole.status, hashlib.sha256(whole.data).hexdigest()) == (200, sha256)
    assert link.status == 503
    assert place.proxy.injected["down"] == asked


def test_what_to_watch_can_be_scraped(place):
    metrics = Metrics()
    place.storage.metrics = metrics
    place.storage.flags = Flags(dual_write=True)
    place.upload(3)
    platform = DeltaCrown(place.conninfo, secret=WEB_SECRET)
    with WebServer(create_app(platform, metrics=metrics), bind("127.0.0.1", 0)) as server:
        answer = urllib3.request("GET", f"{server.url}/metrics", retries=False)
        assert answer.status == 200
        assert b'cert_s3_operations_total{operation="write",outcome="success"} 3.0' in answer.data
    platform.close()
