"""The storage before a real S3 server whose wire fails: what was acknowledged reads back, whatever befell it."""

import datetime
import random
import uuid
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import botocore.auth
import pytest
import urllib3

from reference.certificates import Flags, LocalStorage, MigratingStorage, Retry, S3Storage, connect_s3
from tailguard.faults.proxy import Fault, FaultProxy

SVG = "image/svg+xml"
PRIMARY = Flags(dual_write=True, read_primary=True)
NAMES = ("Curaçao.svg", "東京 Δ.svg", "🏆.svg", "empty.svg", "large.svg")


@pytest.fixture
def proxy(s3_server):
    host, port = s3_server.address.split(":")
    with FaultProxy(host, int(port), seed=11) as made:
        yield made


@pytest.fixture
def storage(s3_server, proxy, tmp_path):
    keys = (s3_server.access_key, s3_server.secret_key, s3_server.region)
    client = connect_s3(f"http://{proxy.address}", *keys, connect_timeout_s=0.5, read_timeout_s=0.5)
    s3 = S3Storage(
        client,
        s3_server.bucket,
        f"{s3_server.prefix}faults-{uuid.uuid4().hex}/",
        retry=Retry(first_s=0.01, budget_s=1.0),
    )
    yield MigratingStorage(LocalStorage(tmp_path / "certificates"), s3, PRIMARY)
    client.close()


def body_of(writer, number):
    size = {3: 0, 4: 1 << 20}.get(number % 5, 20_000)
    return random.Random(writer * 100 + number).randbytes(size)


SLOWER = [Fault("error", 0.02), Fault("reset", 0.2), Fault("lost", 0.05), Fault("slow", 0.1, seconds=2.0)]
FAULTS = [
    Fault("error", 0.2),
    Fault("down"),
    *(pytest.param(each, marks=pytest.mark.proof) for each in SLOWER),
]


@pytest.mark.system
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.kind} {fault.share:.0%}")
def test_ten_writers_of_ten_files_read_what_they_wrote(storage, proxy, fault):
    proxy.set([fault])

    def write(writer):
        for number in range(10):
            key = f"{writer}/{number} {NAMES[number % 5]}"
            storage.save(key, body_of(writer, number), SVG)
            assert storage.open(key) == body_of(writer, number)

    with ThreadPoolExecutor(10) as writers:
        list(writers.map(write, range(10)))
    assert proxy.injected[fault.kind] > 0
    proxy.set([])
    for flags in (PRIMARY, Flags()):
        storage.flags = flags
        for writer in range(10):
            for number in range(10):
                key = f"{writer}/{number} {NAMES[number % 5]}"
                assert storage.open(key) == body_of(writer, number)


@pytest.mark.parametrize("behind_minutes", [20, 60])
def test_a_link_signed_by_a_clock_that_is_behind_has_expired(storage, behind_minutes):
    """The signer's clock is a dependency of the link; the server's is its judge."""
    storage.save("k", b"body", SVG)
    behind = datetime.datetime.now(datetime.UTC).replace(tzinfo=None) - datetime.timedelta(
        minutes=behind_minutes
    )
    with mock.patch.object(botocore.auth, "get_current_datetime", return_value=behind):
        link = storage.url("k")
    assert urllib3.request("GET", link, retries=False).status == 403
    assert urllib3.request("GET", storage.url("k"), retries=False).data == b"body"
    assert storage.open("k") == b"body"
