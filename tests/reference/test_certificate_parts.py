"""Large certificates go to S3 in parts: both clients keep to one contract, and what is cut off goes on."""

import hashlib
import random
import uuid
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from reference.certificates import Retry, S3Storage, StorageUnavailable, connect_s3
from reference.certificates.memory import MemoryS3
from reference.certificates.multipart import PART_BYTES, parts_of
from tailguard.s3 import S3Server

PDF = "application/pdf"
BODY = random.Random(18).randbytes(2 * PART_BYTES + 999)


class Counting:
    """A client of S3 that counts its calls, and loses the answers or the calls that it is told to."""

    def __init__(self, client: object) -> None:
        self.client = client
        self.calls: list[str] = []
        self.lost: set[str] = set()  # done by the server, not heard by us
        self.cut: set[int] = set()  # parts that never arrive

    def __getattr__(self, name: str) -> object:
        call = getattr(self.client, name)

        def counted(**wanted: object) -> object:
            self.calls.append(name)
            if wanted.get("PartNumber") in self.cut:
                raise _passing(name)
            answer = call(**wanted)
            if name in self.lost:
                self.lost.remove(name)
                raise _passing(name)
            return answer

        return counted


def _passing(name: str) -> ClientError:
    response = {"Error": {"Code": "SlowDown"}, "ResponseMetadata": {"HTTPStatusCode": 503}}
    return ClientError(response, name)


@pytest.fixture(params=["real", "memory"])
def client(request: pytest.FixtureRequest, s3_server: S3Server) -> Iterator[Counting]:
    if request.param == "memory":
        yield Counting(MemoryS3(s3_server.bucket))
        return
    real = connect_s3(s3_server.endpoint, s3_server.access_key, s3_server.secret_key, s3_server.region)
    yield Counting(real)
    real.close()


@pytest.fixture
def storage(client: Counting, s3_server: S3Server) -> S3Storage:
    retry = Retry(sleep=lambda _: None)
    return S3Storage(client, s3_server.bucket, f"parts/{uuid.uuid4().hex}/", retry=retry)  # type: ignore[arg-type]  # calls go on to a client


def pending(storage: S3Storage, client: Counting) -> int:
    place = storage._place("")
    listed = client.client.list_multipart_uploads(Bucket=place["Bucket"], Prefix=place["Key"])
    return len(listed.get("Uploads", []))


def test_what_is_large_arrives_whole_in_parts(storage: S3Storage, client: Counting) -> None:
    saved = storage.save("large", BODY, PDF)
    assert (saved.on_s3, saved.retries) == (True, 0)
    assert client.calls.count("upload_part") == 3
    assert storage.open("large") == BODY
    assert storage.size("large") == len(BODY)
    assert storage.sha256("large") == hashlib.sha256(BODY).hexdigest()
    assert client.head_object(**storage._place("large"))["ContentType"] == PDF
    assert pending(storage, client) == 0


def test_what_fits_into_one_part_is_put_at_once(storage: S3Storage, client: Counting) -> None:
    storage.save("small", BODY[:PART_BYTES], PDF)
    assert client.calls == ["put_object"]


def test_it_is_added_once_and_mended_if_other_bytes_lie_there(storage: S3Storage) -> None:
    assert storage.add("once", BODY, PDF) is True
    assert storage.add("once", BODY, PDF) is False
    storage.save("once", BODY[::-1], PDF)
    assert storage.add("once", BODY, PDF) is True
    assert storage.open("once") == BODY


def test_an_upload_that_was_cut_off_goes_on_where_it_stopped(storage: S3Storage, client: Counting) -> None:
    """The worker dies after two parts: nothing is aborted. Of those two, one has other bytes by now."""
    place = storage._place("large")
    begun = client.client.create_multipart_upload(**place, ChecksumAlgorithm="SHA256")
    first, other, *_ = *parts_of(BODY)[:1], *parts_of(BODY[::-1])[1:]
    for part in (first, other):
        client.client.upload_part(
            **place,
            UploadId=begun["UploadId"],
            PartNumber=part.number,
            Body=part.body,
            ChecksumSHA256=part.checksum,
        )
    storage.save("large", BODY, PDF)
    assert client.calls.count("upload_part") == 2  # the second and the third
    assert "create_multipart_upload" not in client.calls
    assert storage.open("large") == BODY


def test_a_part_that_fails_is_tried_again_alone(storage: S3Storage, client: Counting) -> None:
    client.lost = {"upload_part"}
    assert storage.save("large", BODY, PDF).retries == 1
    assert client.calls.count("upload_part") == 4
    assert storage.open("large") == BODY


def test_parts_are_aborted_when_an_upload_is_given_up(storage: S3Storage, client: Counting) -> None:
    client.cut = {2}
    with pytest.raises(StorageUnavailable, match="could not store the object large: SlowDown"):
        storage.save("large", BODY, PDF)
    assert client.calls[-1] == "abort_multipart_upload"
    assert pending(storage, client) == 0
    assert not storage.exists("large")


def test_a_lost_answer_to_the_last_call_is_no_loss(storage: S3Storage, client: Counting) -> None:
    client.lost = {"complete_multipart_upload"}
    storage.save("large", BODY, PDF)
    assert client.calls.count("complete_multipart_upload") == 2
    assert storage.open("large") == BODY
    assert pending(storage, client) == 0
