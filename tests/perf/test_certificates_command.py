"""`tailguard certificates` on a real database, a real disk and a real S3 server; killed without a word, too."""

import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid

import psycopg
import pytest

from reference.certificates import LocalStorage, S3Storage
from reference.database import create_tables
from reference.seed import seed_platform
from tests.support.certificate_rows import TABLE, clear, legacy, marked
from tests.support.counted import COUNTED
from tests.support.web_served import SIZE

pytestmark = pytest.mark.system

COMMAND = [sys.executable, "-m", "tailguard", "certificates"]


@pytest.fixture(scope="module")
def seeded(module_database):
    create_tables(module_database.conninfo)
    return seed_platform(module_database.conninfo, size=SIZE)


@pytest.fixture
def place(module_database, seeded, s3_server, tmp_path):
    """A legacy platform with its own folder and its own prefix of the bucket."""
    made = Place(module_database.conninfo, seeded, s3_server, tmp_path / "certificates")
    yield made
    clear(module_database.conninfo)


class Place:
    def __init__(self, conninfo, seeded, s3_server, root):
        self.conninfo, self.seeded = conninfo, seeded
        self.local = LocalStorage(root)
        root.mkdir()
        self.prefix = f"{s3_server.prefix}cli-{uuid.uuid4().hex}/"
        self.s3 = S3Storage(s3_server.client(), s3_server.bucket, self.prefix)
        self.secret = s3_server.secret_key
        self.environ = COUNTED | {
            "PATH": os.environ["PATH"],
            "DATABASE_URL": conninfo,
            "CERT_LOCAL_ROOT": str(root),
            "CERT_S3_BACKFILL_ENABLED": "true",
            "AWS_STORAGE_BUCKET_NAME": s3_server.bucket,
            "AWS_ENDPOINT_URL_S3": s3_server.endpoint,
            "AWS_ACCESS_KEY_ID": s3_server.access_key,
            "AWS_SECRET_ACCESS_KEY": s3_server.secret_key,
            "LC_ALL": "C",
        }

    def legacy(self, count):
        return legacy(self.conninfo, self.seeded, self.local, count)

    def start(self, *words, **environ):
        command = [*COMMAND, *words, "--prefix", self.prefix, "--json"]
        return subprocess.Popen(
            command,
            env=self.environ | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def run(self, *words, **environ):
        process = self.start(*words, **environ)
        said, complained = process.communicate(timeout=120)
        assert self.secret not in said + complained
        return process.returncode, json.loads(said) if said.startswith("{") else {}, complained


@pytest.mark.parametrize("count", [300, pytest.param(2000, marks=pytest.mark.proof)])
def test_a_backfill_that_is_killed_three_times_ends_complete_and_uploads_nothing_twice(place, count):
    made = place.legacy(count)
    chance = random.Random(7)
    written = {}
    for _ in range(3):
        before = marked(place.conninfo)
        process = place.start("backfill", "--batch", str(count // 40), "--rate", str(count // 4))
        _wait_until(lambda before=before: marked(place.conninfo) > before, process)
        time.sleep(chance.uniform(0.05, 0.4))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        written |= {key: (marks, place.s3.modified(key)) for key, marks in _marks(place.conninfo).items()}
    assert 0 < len(written) < count
    code, result, _ = place.run("backfill")
    assert (code, result["finished"], result["failed"]) == (0, True, 0)
    assert result["pending"] == count - len(written)
    marks_now = _marks(place.conninfo)
    for key, (marks, modified) in written.items():
        assert marks_now[key] == marks
        assert place.s3.modified(key) == modified <= marks.replace(microsecond=999_999)
    code, report, _ = place.run("check", "--all")
    assert (code, report["clean"], report["spot_checked"]) == (0, True, count)
    assert report["marked"] == report["s3_objects"] == len(made) == count


def _marks(conninfo):
    with psycopg.connect(conninfo) as connection:
        rows = connection.execute(
            f"SELECT file_image, migrated_to_s3_at FROM {TABLE} WHERE migrated_to_s3_at IS NOT NULL"
        )
        return dict(rows.fetchall())


def _wait_until(true, process, timeout_s=30):
    ends_s = time.monotonic() + timeout_s
    while not true():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < ends_s
        time.sleep(0.02)


def test_ctrl_c_stops_cleanly_and_the_token_goes_on(place):
    place.legacy(300)
    process = place.start("backfill", "--batch", "20", "--rate", "100")
    _wait_until(lambda: marked(place.conninfo) > 0, process)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=30)
    stopped = json.loads(said)
    assert (process.returncode, stopped["finished"]) == (130, False)
    assert stopped["uploaded"] == marked(place.conninfo)
    code, rest, _ = place.run("backfill", "--resume-after", str(stopped["resume_after"]))
    assert (code, rest["uploaded"] + rest["present"]) == (0, 300 - stopped["uploaded"])
    assert place.run("check", "--all")[1]["clean"]


def test_a_dry_run_needs_no_flag_and_changes_nothing(place):
    place.legacy(5)
    code, result, _ = place.run("backfill", "--dry-run", CERT_S3_BACKFILL_ENABLED="")
    assert (code, result["uploaded"], result["dry_run"]) == (0, 5, True)
    assert (marked(place.conninfo), list(place.s3.keys())) == (0, [])


def test_without_its_flag_a_backfill_does_not_begin(place):
    code, _, complained = place.run("backfill", CERT_S3_BACKFILL_ENABLED="")
    assert code == 64
    assert "CERT_S3_BACKFILL_ENABLED is off" in complained


def test_a_changed_file_fails_the_backfill_and_the_check(place):
    changed = sorted(place.legacy(5))[2]
    place.local.save(changed, b"changed")
    code, result, _ = place.run("backfill")
    assert (code, result["failed"], result["uploaded"]) == (65, 1, 4)
    assert "hash mismatch" in result["failures"][0]
    code, report, _ = place.run("check", "--all")
    assert (code, report["findings"]["mismatches_local"]) == (65, [changed])


@pytest.mark.parametrize(
    ("without", "named"),
    [
        ("DATABASE_URL", "No database is named"),
        ("CERT_LOCAL_ROOT", "CERT_LOCAL_ROOT"),
        ("AWS_STORAGE_BUCKET_NAME", "AWS_STORAGE_BUCKET_NAME"),
        ("AWS_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY"),
    ],
)
def test_what_is_not_named_is_asked_for(place, without, named):
    code, _, complained = place.run("check", **{without: ""})
    assert code == 64
    assert named in complained


def test_a_database_without_the_table_is_named(place):
    code, _, complained = place.run("check", "--schema", "nowhere")
    assert code == 64
    assert "no table tournament_engine_certificate_certificate in schema nowhere" in complained


def test_a_bucket_that_is_not_there_is_an_error_that_names_it(place):
    code, _, complained = place.run("check", "--bucket", "no-such-bucket")
    assert code == 70
    assert "NoSuchBucket" in complained
