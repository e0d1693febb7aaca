"""Certificates on a real S3 server: they read back byte for byte, once each kind, until revoked."""

import base64
import hashlib
import socket
import threading
import urllib.error
import urllib.request
import uuid

import pytest

from reference.certificates import TRIES, S3Storage, connect_s3
from reference.errors import Conflict, Gone, Invalid, NotFound, Unavailable
from reference.platform import DeltaCrown
from tests.support.certificate_rows import revoke

BODY = "<svg>Curaçao 東京 Δ 🏆</svg>".encode()
CHECKSUM = base64.b64encode(hashlib.sha256(BODY).digest())


@pytest.fixture(scope="module")
def client(s3_server):
    made = connect_s3(s3_server.endpoint, s3_server.access_key, s3_server.secret_key, s3_server.region)
    yield made
    made.close()


@pytest.fixture
def storage(client, s3_server):
    return S3Storage(client, s3_server.bucket, s3_server.prefix)


@pytest.fixture
def platform(module_database, seeded, storage):
    made = DeltaCrown(module_database.conninfo, secret="s" * 32, storage=storage)
    yield made
    made.close()


@pytest.fixture
def registration(seeded, fresh):
    """A registration of the completed tournament without a certificate."""
    return seeded.awards[next(fresh)]


def test_a_certificate_reads_back_with_its_hash_through_its_presigned_link(platform, registration):
    stored = platform.upload_certificate(registration, BODY, "winner")
    assert stored.retries == 0
    assert stored.sha256 == hashlib.sha256(BODY).hexdigest()
    assert _get(platform.certificate_url(stored.id)) == BODY


def test_the_link_is_good_for_this_object_alone(platform, registration):
    stored = platform.upload_certificate(registration, BODY)
    link = platform.certificate_url(stored.id)
    with pytest.raises(urllib.error.HTTPError) as refused:
        _get(link.replace(str(stored.code), str(uuid.uuid4())))
    assert refused.value.code in (403, 404)
    refused.value.close()


def test_a_second_one_of_the_kind_is_a_conflict_and_leaves_no_object_behind(
    platform, client, s3_server, registration
):
    stored = platform.upload_certificate(registration, BODY)
    with pytest.raises(Conflict, match="participant certificate already") as refusal:
        platform.upload_certificate(registration, BODY)
    assert refusal.value.code == "ALREADY_ISSUED"
    folder = s3_server.prefix + stored.key.rsplit("/", 1)[0]
    assert client.list_objects_v2(Bucket=s3_server.bucket, Prefix=folder)["KeyCount"] == 1


def test_a_revoked_one_is_gone_and_may_be_issued_again(platform, module_database, registration):
    first = platform.upload_certificate(registration, BODY)
    revoke(module_database.conninfo, first.id, "wrong name")
    with pytest.raises(Gone, match="wrong name"):
        platform.certificate_url(first.id)
    assert platform.upload_certificate(registration, BODY).id != first.id


def test_verification_re_reads_the_bytes_and_sees_tampering(platform, storage, registration):
    stored = platform.upload_certificate(registration, BODY)
    assert platform.certificates.verify(stored.code)[1] is False
    storage.save(stored.key, b"forged", "image/svg+xml")
    record, tampered = platform.certificates.verify(stored.code)
    assert (record.id, tampered) == (stored.id, True)


def test_a_download_is_counted(platform, registration):
    stored = platform.upload_certificate(registration, BODY)
    record, body = platform.certificates.download(stored.id)
    assert (record.sha256, body) == (stored.sha256, BODY)
    with platform.database.connection() as connection:
        query = "SELECT download_count FROM tournament_engine_certificate_certificate WHERE id = $1"
        assert connection.row(query, stored.id) == (1,)


def test_what_does_not_exist_is_not_found(platform):
    for missing in (
        lambda: platform.upload_certificate(999_999, BODY),
        lambda: platform.certificate_url(999_999),
        lambda: platform.certificates.verify(uuid.uuid4()),
    ):
        with pytest.raises(NotFound):
            missing()


def test_only_a_completed_tournament_gives_certificates(platform, seeded):
    entry = platform.register(seeded.open_tournaments[0], seeded.users[150])
    with pytest.raises(Invalid, match="registration_open"):
        platform.upload_certificate(entry.id, BODY)


@pytest.mark.parametrize(("body", "kind"), [(b"", "winner"), (BODY, "best_dressed")])
def test_an_empty_or_unknown_certificate_is_invalid(platform, registration, body, kind):
    with pytest.raises(Invalid):
        platform.upload_certificate(registration, body, kind)


def test_without_a_storage_it_is_unavailable(crown, registration):
    with pytest.raises(Unavailable, match="no certificate storage") as refusal:
        crown.upload_certificate(registration, BODY)
    assert refusal.value.code == "NO_STORAGE"


def test_a_missing_object_is_unavailable_and_names_it(storage):
    with pytest.raises(Unavailable, match=r"read the object nowhere\.svg: NoSuchKey"):
        storage.open("nowhere.svg")


@pytest.mark.system
def test_an_upload_that_fails_first_is_retried_and_counted():
    with FlakyServer(failures=TRIES - 1) as endpoint:
        assert _store(endpoint).save("a.svg", BODY, "image/svg+xml").retries == TRIES - 1


def test_retries_are_bounded_and_the_error_keeps_the_secret():
    with FlakyServer(failures=100) as endpoint, pytest.raises(Unavailable) as refusal:
        _store(endpoint).save("a.svg", BODY, "image/svg+xml")
    assert refusal.value.retries == TRIES - 1
    assert "a-very-secret-key" not in str(refusal.value)


def test_the_links_of_different_objects_differ(storage):
    assert storage.url("a") != storage.url("b")


def _store(endpoint: str) -> S3Storage:
    return S3Storage(connect_s3(endpoint, "access", "a-very-secret-key"), "bucket")


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.read()


class FlakyServer:
    """An HTTP server that answers 503 to the first requests and 200 to the rest."""

    def __init__(self, failures: int) -> None:
        self._left = failures
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(60)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        received = b""
        while BODY not in received:
            chunk = connection.recv(65536)
            if not chunk:
                return
            received += chunk
            if b"100-continue" in received:
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._left -= 1
        status = b"503 Slow Down" if self._left >= 0 else b"200 OK"
        head = (
            b"\r\nx-amz-checksum-sha256: " + CHECKSUM + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        connection.sendall(b"HTTP/1.1 " + status + head)
