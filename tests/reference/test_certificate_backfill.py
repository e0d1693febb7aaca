"""The backfill copies each certificate once, whatever stops it; the check finds whatever is wrong afterwards."""

import uuid
from threading import Event, Thread

import pytest

from reference.certificates import Flags, LocalStorage, MigratingStorage, Retry, S3Storage
from reference.certificates.alone import alone
from reference.certificates.backfill import Backfill, BackfillPlan, Pacing
from reference.certificates.consistency import ConsistencyCheck
from reference.certificates.memory import MemoryS3
from reference.database import Database
from reference.errors import Conflict
from reference.platform import DeltaCrown
from tests.support.certificate_rows import TABLE, clear, legacy, marked
from tests.support.crown_small import SECRET

SVG = "image/svg+xml"


@pytest.fixture
def client():
    return MemoryS3("bucket")


@pytest.fixture
def s3(client):
    return S3Storage(client, "bucket", retry=Retry(sleep=lambda _: None))


@pytest.fixture
def local(tmp_path):
    return LocalStorage(tmp_path / "certificates")


@pytest.fixture
def conninfo(module_database, seeded):
    yield module_database.conninfo
    clear(module_database.conninfo)


@pytest.fixture
def rows(conninfo):
    database = Database(conninfo)
    yield database
    database.close()


@pytest.fixture
def made(conninfo, seeded, local):
    return legacy(conninfo, seeded, local, 60)


def backfill(rows, local, s3, **plan):
    return Backfill(rows, local, s3, BackfillPlan(**{"batch": 20, "concurrency": 4} | plan))


def checked(rows, local, s3, share=1.0):
    return ConsistencyCheck(rows, local, s3, share, settle_s=0.0).run()


def test_every_certificate_is_copied_once_and_marked(rows, local, s3, client, made, conninfo):
    seen = []
    progress = backfill(rows, local, s3).run(on_progress=seen.append)
    assert (progress.pending, progress.uploaded, progress.present, progress.failed) == (60, 60, 0, 0)
    assert progress.finished
    assert [each.done for each in seen] == [0, 20, 40, 60]
    assert client.operations["PutObject"] == 60
    assert marked(conninfo) == 60
    report = checked(rows, local, s3)
    assert report.clean
    assert (report.rows, report.marked, report.s3_objects, report.spot_checked) == (60, 60, 60, 60)


def test_a_second_backfill_uploads_nothing(rows, local, s3, client, made):
    backfill(rows, local, s3).run()
    again = backfill(rows, local, s3).run()
    assert (again.pending, again.done, client.operations["PutObject"]) == (0, 0, 60)


def test_a_dry_run_reads_all_and_changes_nothing(rows, local, s3, client, made, conninfo):
    progress = backfill(rows, local, s3, dry_run=True).run()
    assert (progress.uploaded, progress.failed) == (60, 0)
    assert progress.bytes == 60 * 600
    assert not client.operations
    assert marked(conninfo) == 0


def test_what_was_uploaded_and_not_marked_is_recognised(rows, local, s3, client, made, conninfo):
    for key in list(made)[:7]:
        s3.save(key, local.open(key), SVG)
    progress = backfill(rows, local, s3).run()
    assert (progress.uploaded, progress.present) == (53, 7)
    assert marked(conninfo) == 60


def test_an_object_that_differs_is_put_right(rows, local, s3, made):
    key = next(iter(made))
    s3.save(key, b"forged", SVG)
    backfill(rows, local, s3).run()
    assert checked(rows, local, s3).clean


def test_it_stops_when_asked_and_its_token_goes_on(rows, local, s3, client, made, conninfo):
    stop = Event()
    first = backfill(rows, local, s3).run(stop=stop, on_progress=lambda p: p.done >= 20 and stop.set())
    assert (first.done, first.finished) == (20, False)
    second = backfill(rows, local, s3, after_id=first.resume_after).run()
    assert (second.pending, second.uploaded, second.finished) == (40, 40, True)
    assert client.operations["PutObject"] == 60


def test_a_token_never_skips_what_was_not_done(rows, local, s3, made):
    """Stopped in the middle of a batch, the token stands before the first row that was left out."""
    stop = Event()

    class StopsAtTheTenth(S3Storage):
        def add(self, key, body, content_type):
            if key == list(made)[9]:
                stop.set()
            return super().add(key, body, content_type)

    stopping = StopsAtTheTenth(MemoryS3("bucket"), "bucket")
    first = backfill(rows, local, stopping, concurrency=1).run(stop=stop)
    assert first.done == 10
    assert backfill(rows, local, stopping, after_id=first.resume_after).run().done == 50


def test_only_one_runs_at_a_time(rows, local, s3, made):
    with alone(rows, "backfill"), pytest.raises(Conflict) as refusal:
        backfill(rows, local, s3).run()
    assert refusal.value.code == "BACKFILL_RUNNING"
    assert backfill(rows, local, s3).run().finished


def test_only_one_check_runs_at_a_time_also_beside_a_backfill(rows, local, s3, made):
    with alone(rows, "check"), pytest.raises(Conflict) as refusal:
        ConsistencyCheck(rows, local, s3).run()
    assert refusal.value.code == "CHECK_RUNNING"
    with alone(rows, "backfill"):
        assert ConsistencyCheck(rows, local, s3).run().rows == len(made)


def test_what_cannot_be_copied_is_named_and_not_marked(rows, local, s3, client, made, conninfo):
    gone, changed, refused = list(made)[:3]
    local.delete(gone)
    local.save(changed, b"changed", SVG)
    client.knobs.failing_keys.add(refused)
    progress = backfill(rows, local, s3).run()
    assert (progress.uploaded, progress.failed) == (57, 3)
    assert marked(conninfo) == 57
    told = "\n".join(progress.failures)
    assert "hash mismatch" in told
    assert all(key in told for key in (gone, changed, refused))


def test_live_uploads_go_on_beside_it(rows, local, s3, made, seeded, conninfo):
    storage = MigratingStorage(local, s3, Flags(dual_write=True, read_primary=True))
    platform = DeltaCrown(conninfo, secret=SECRET, storage=storage)
    results = []
    copying = Thread(target=lambda: results.append(backfill(rows, local, s3, batch=5).run()))
    copying.start()
    live = [platform.upload_certificate(one, f"<svg>{one}</svg>".encode()) for one in seeded.awards[1:30]]
    copying.join(60)
    assert results[0].finished
    for certificate in live:
        assert platform.certificates.download(certificate.id)[1]
    assert checked(rows, local, s3).clean
    platform.close()


def test_a_certificate_without_an_object_on_s3_has_no_link_yet(rows, local, s3, client, seeded, conninfo):
    storage = MigratingStorage(local, s3, Flags(dual_write=True, read_primary=True))
    platform = DeltaCrown(conninfo, secret=SECRET, storage=storage)
    client.knobs.error_rate = 1.0
    stored = platform.upload_certificate(seeded.awards[3], b"<svg/>")
    with pytest.raises(Exception, match="download it through the platform"):
        platform.certificate_url(stored.id)
    assert platform.certificates.download(stored.id)[1] == b"<svg/>"
    client.knobs.error_rate = 0.0
    backfill(rows, local, s3).run()
    assert client.fetch(platform.certificate_url(stored.id)) == (200, b"<svg/>")
    platform.close()


def test_a_rate_limit_spaces_uploads_evenly():
    now = [0.0]

    class Waits(Event):
        def wait(self, timeout=None):
            now[0] += max(timeout, 0)

    pacing = Pacing(10.0, now_s=lambda: now[0])
    for _ in range(21):
        pacing.wait(Waits())
    assert now[0] == pytest.approx(2.0)


def test_the_check_finds_each_kind_of_damage(rows, local, s3, made, conninfo):
    backfill(rows, local, s3).run()
    keys = sorted(made)
    local.delete(keys[0])
    s3.delete(keys[1])
    local.save(keys[2], b"changed", SVG)
    s3.save(keys[3], b"changed", SVG)
    local.save("certificates/nobody.svg", b"orphan", SVG)
    s3.save("certificates/nowhere.svg", b"orphan", SVG)
    report = checked(rows, local, s3)
    found = report.findings
    assert not report.clean
    assert found.missing_local == (keys[0],)
    assert found.missing_s3 == (keys[1],)
    assert found.mismatches_local == (keys[2],)
    assert found.mismatches_s3 == (keys[3],)
    assert found.orphans_local == ("certificates/nobody.svg",)
    assert found.orphans_s3 == ("certificates/nowhere.svg",)


def test_a_spot_check_reads_its_share_and_the_same_one_for_the_same_seed(rows, local, s3, client, made):
    backfill(rows, local, s3).run()
    for share, wanted in ((0.1, 6), (0.001, 1), (1.0, 60)):
        before = client.operations["GetObject"]
        assert checked(rows, local, s3, share).spot_checked == wanted
        assert client.operations["GetObject"] - before == wanted


def test_a_row_that_is_not_marked_owes_s3_nothing(rows, local, s3, made):
    report = checked(rows, local, s3)
    assert (report.marked, report.s3_objects, report.clean) == (0, 0, True)


def test_an_upload_during_the_check_is_no_orphan(rows, local, s3, made, conninfo):
    """Its object is listed before its row is written; asked again, it has one."""
    late = f"certificates/{uuid.uuid4()}.svg"

    class WritesTheRowLate(LocalStorage):
        def keys(self):
            yield from super().keys()
            yield late

        def exists(self, key):
            return True

    class RowsLater(ConsistencyCheck):
        def _still_orphaned(self, storage, keys):
            with rows.connection() as connection:
                connection.run(
                    f"UPDATE {TABLE} SET file_image = $1 WHERE file_image = $2", late, next(iter(made))
                )
            return super()._still_orphaned(storage, keys)

    report = RowsLater(rows, WritesTheRowLate(local._root), s3, settle_s=0.0).run()
    assert late not in report.findings.orphans_local
