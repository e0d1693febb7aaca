"""The storage of the cut-over: what each flag does, and that no failure of S3 loses a write."""

import os
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.certificates import (
    Flags,
    LocalStorage,
    Metrics,
    MigratingStorage,
    NoLink,
    ObjectMissing,
    Retry,
    S3Storage,
    StorageUnavailable,
    connect_s3,
)
from reference.certificates.memory import MemoryS3
from tailguard.base.ports import free_port

SVG = "image/svg+xml"
OFF, DUAL, PRIMARY = Flags(), Flags(dual_write=True), Flags(dual_write=True, read_primary=True)


class Slept(list):
    """A sleep that takes no time and remembers how long it was to be."""

    def __call__(self, seconds):
        self.append(seconds)


def quick():
    return Retry(sleep=lambda _: None)


@pytest.fixture
def client():
    return MemoryS3("bucket")


@pytest.fixture
def storage(client, tmp_path):
    metrics = Metrics()
    s3 = S3Storage(client, "bucket", metrics=metrics, retry=quick())
    return MigratingStorage(LocalStorage(tmp_path / "certificates"), s3, metrics=metrics)


def counted(storage):
    return {name.removeprefix("cert.s3."): n for name, n in storage.metrics.counts().items() if n}


def test_all_flags_are_off_by_default():
    assert Flags.from_environment({}) == Flags(False, False, False)


def test_flags_come_from_the_environment():
    environ = {"CERT_S3_DUAL_WRITE": "True", "CERT_S3_READ_PRIMARY": "0", "CERT_S3_BACKFILL_ENABLED": "yes"}
    assert Flags.from_environment(environ) == Flags(True, False, True)


def test_a_flag_that_is_neither_on_nor_off_is_named():
    with pytest.raises(ValueError, match="CERT_S3_DUAL_WRITE is 'perhaps'"):
        Flags.from_environment({"CERT_S3_DUAL_WRITE": "perhaps"})


def test_with_all_flags_off_s3_is_never_asked(storage, client):
    assert storage.save("k", b"body", SVG).on_s3 is False
    assert storage.open("k") == b"body"
    assert storage.exists("k")
    assert storage.size("k") == 4
    with pytest.raises(NoLink):
        storage.url("k")
    storage.delete("k")
    assert not client.operations


def test_dual_write_stores_on_both_and_reads_locally(storage, client):
    storage.flags = DUAL
    assert storage.save("k", b"body", SVG).on_s3 is True
    assert (storage.local.open("k"), storage.s3.open("k")) == (b"body", b"body")
    before = client.operations["GetObject"]
    assert storage.open("k") == b"body"
    assert client.operations["GetObject"] == before
    with pytest.raises(NoLink):
        storage.url("k")


def test_read_primary_reads_s3_and_gives_links(storage, client):
    storage.flags = PRIMARY
    storage.save("k", b"body", SVG)
    storage.local.delete("k")
    assert storage.open("k") == b"body"
    assert client.fetch(storage.url("k")) == (200, b"body")
    assert counted(storage) == {"save.success": 1, "write.success": 1, "read.success": 1, "url.success": 1}


def test_what_was_stored_before_the_cut_over_is_read_from_the_disk(storage):
    storage.save("old", b"body", SVG)
    storage.flags = PRIMARY
    assert storage.open("old") == b"body"
    assert storage.exists("old")
    assert counted(storage)["read.fallback"] == 1


def test_a_write_that_s3_refuses_for_good_is_kept_on_the_disk(storage, client):
    storage.flags = PRIMARY
    client.knobs.failing_keys.add("k")
    saved = storage.save("k", b"body", SVG)
    assert (saved.on_s3, saved.retries) == (False, 2)
    assert storage.open("k") == b"body"
    assert counted(storage) == {"save.success": 1, "write.fail": 1, "read.fallback": 1, "retries": 4}


def test_a_roll_back_reads_everything_from_the_disk(storage, client):
    storage.flags = PRIMARY
    storage.save("k", b"body", SVG)
    client.knobs.error_rate = 1.0
    storage.flags = OFF
    assert storage.open("k") == b"body"


def test_a_delete_reaches_both_and_may_be_repeated(storage, client):
    storage.flags = DUAL
    storage.save("k", b"body", SVG)
    storage.delete("k")
    storage.delete("k")
    assert not storage.local.exists("k")
    assert not storage.s3.exists("k")


def test_a_delete_that_s3_refuses_is_counted_and_done_on_the_disk(storage, client):
    storage.flags = DUAL
    storage.save("k", b"body", SVG)
    client.knobs.failing_keys.add("k")
    storage.delete("k")
    assert not storage.local.exists("k")
    assert counted(storage)["delete.fail"] == 1


def test_a_disk_that_refuses_fails_the_save_and_says_so(client, tmp_path):
    (tmp_path / "file").write_bytes(b"in the way")
    storage = MigratingStorage(LocalStorage(tmp_path / "file"), S3Storage(client, "bucket"), DUAL)
    with pytest.raises(StorageUnavailable, match="could not store the object k"):
        storage.save("k", b"body", SVG)
    assert counted(storage) == {"write.success": 1, "save.fail": 1}


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.2])
def test_no_acknowledged_write_is_lost_at_any_rate_of_errors(storage, client, rate):
    storage.flags = PRIMARY
    client.knobs.error_rate = rate
    bodies = {f"{number}.svg": random.Random(number).randbytes(500) for number in range(300)}
    for key, body in bodies.items():
        storage.save(key, body, SVG)
    assert {key: storage.open(key) for key in bodies} == bodies
    client.knobs.error_rate = 0.0
    assert {key: storage.local.open(key) for key in bodies} == bodies
    assert counted(storage)["retries"] > 0


def test_the_same_seed_fails_the_same_calls():
    def outcomes(seed):
        client = MemoryS3("bucket", seed=seed)
        client.knobs.error_rate = 0.3
        storage = S3Storage(client, "bucket", retry=Retry(tries=1))
        return [_fails(storage.save, str(n), b"b", SVG) for n in range(40)]

    assert outcomes(7) == outcomes(7) != outcomes(8)


def _fails(call, *args):
    try:
        call(*args)
    except StorageUnavailable:
        return True
    return False


def test_latency_knobs_slow_each_kind_of_call():
    slept = Slept()
    client = MemoryS3("bucket", sleep=slept)
    client.knobs.upload_s, client.knobs.download_s, client.knobs.metadata_s = 1.0, 2.0, 3.0
    storage = S3Storage(client, "bucket")
    storage.save("k", b"body", SVG)
    storage.open("k")
    storage.size("k")
    assert slept == [1.0, 2.0, 3.0]
    assert client.operations == {"PutObject": 1, "GetObject": 1, "HeadObject": 1}


def test_a_clock_that_is_ahead_finds_a_link_expired():
    now = [1000.0]
    client = MemoryS3("bucket", now_s=lambda: now[0])
    storage = S3Storage(client, "bucket")
    storage.save("k", b"body", SVG)
    link = storage.url("k", expires_s=900)
    now[0] += 899
    assert client.fetch(link)[0] == 200
    now[0] += 1
    assert client.fetch(link)[0] == 403


@given(tries=st.integers(1, 8), seed=st.integers())
def test_retries_are_bounded_and_their_pauses_grow_to_a_limit(tries, seed):
    slept = Slept()
    retry = Retry(tries=tries, first_s=0.1, most_s=0.5, sleep=slept, chance=random.Random(seed))
    with pytest.raises(OSError, match="down") as failure:
        retry.run(lambda: _raise(OSError("down")), lambda _: True)
    assert failure.value.retries == tries - 1 == len(slept)
    assert all(0 <= pause <= min(0.1 * 2**n, 0.5) for n, pause in enumerate(slept))


def test_a_failure_that_does_not_pass_is_not_tried_again():
    slept = Slept()
    with pytest.raises(OSError, match="forbidden"):
        Retry(sleep=slept).run(lambda: _raise(OSError("forbidden")), lambda _: False)
    assert slept == []


def test_no_retry_begins_after_its_budget_of_time():
    now = [0.0]

    def slow():
        now[0] += 4.0
        raise OSError("timed out")

    retry = Retry(tries=10, budget_s=5.0, sleep=lambda _: None, now_s=lambda: now[0])
    with pytest.raises(OSError, match="timed out") as failure:
        retry.run(slow, lambda _: True)
    assert failure.value.retries == 1


def _raise(error):
    raise error


def test_a_server_that_is_not_there_costs_bounded_time_and_no_write(tmp_path):
    client = connect_s3(f"http://127.0.0.1:{free_port()}", "access", "a-very-secret-key")
    storage = MigratingStorage(LocalStorage(tmp_path), S3Storage(client, "bucket", retry=quick()), PRIMARY)
    assert storage.save("k", b"body", SVG).on_s3 is False
    assert storage.open("k") == b"body"
    client.close()


def test_files_on_the_disk_are_whole_listed_and_dated(tmp_path):
    local = LocalStorage(tmp_path)
    local.save("a/Curaçao 東京 Δ 🏆.svg", b"body", SVG)
    (tmp_path / "a" / "left.part").write_bytes(b"what a kill left behind")
    assert list(local.keys()) == ["a/Curaçao 東京 Δ 🏆.svg"]
    now = datetime.now(UTC)
    for told in (local.created, local.modified, local.accessed):
        assert abs(told("a/Curaçao 東京 Δ 🏆.svg") - now) < timedelta(minutes=1)


@pytest.mark.parametrize("key", ["../escape", "/etc/passwd", "a/../../b", ""])
def test_a_key_cannot_leave_the_folder(tmp_path, key):
    with pytest.raises(ValueError, match="is not a key"):
        LocalStorage(tmp_path).save(key, b"body", SVG)


def test_a_missing_file_is_missing_and_its_folder_is_not_told(tmp_path):
    with pytest.raises(ObjectMissing) as refusal:
        LocalStorage(tmp_path).open("none.svg")
    assert str(tmp_path) not in str(refusal.value)


def test_metrics_show_operations_and_nothing_of_whose_certificate(storage):
    storage.flags = PRIMARY
    storage.save("certificates/7/Curaçao.svg", b"body", SVG)
    shown = storage.metrics.exposition().decode()
    assert 'cert_s3_operations_total{operation="write",outcome="success"} 1.0' in shown
    assert "Cura" not in shown
    assert "certificates/7" not in shown


@pytest.mark.system
def test_utf_8_keys_and_bytes_survive_in_the_c_locale(tmp_path):
    program = (
        "import sys, pathlib\n"
        "from reference.certificates import LocalStorage\n"
        "key = 'Cura\\u00e7ao/\\u6771\\u4eac \\u0394 \\U0001f3c6.svg'\n"
        "local = LocalStorage(pathlib.Path(sys.argv[1]))\n"
        "local.save(key, key.encode(), '')\n"
        "assert local.open(key) == key.encode() and list(local.keys()) == [key]\n"
    )
    environ = {"PATH": os.environ["PATH"], "LANG": "C", "LC_ALL": "C"}
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, env=environ)
    assert LocalStorage(tmp_path).open("Curaçao/東京 Δ 🏆.svg") == "Curaçao/東京 Δ 🏆.svg".encode()
