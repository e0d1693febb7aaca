"""One contract for both S3 clients: boto3 against a real server, and the one in memory."""

import base64
import hashlib
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
import urllib3
from botocore.exceptions import ClientError

from reference.certificates import ObjectMissing, S3Storage, connect_s3
from reference.certificates.memory import MemoryS3
from tests.support.waiting import eventually

KEYS = ("plain.svg", "Curaçao/東京 Δ 🏆.svg", "a b+c&d=e%41?#.svg")
SVG = "image/svg+xml"


@dataclass
class Side:
    """A client, the bucket it may use, and how a stranger reads a link."""

    client: object
    bucket: str
    fetch: object

    def put(self, key, body, **more):
        return self.client.put_object(Bucket=self.bucket, Key=key, Body=body, **more)

    def get(self, key):
        return self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()


@pytest.fixture(scope="module")
def real(s3_server):
    client = connect_s3(s3_server.endpoint, s3_server.access_key, s3_server.secret_key, s3_server.region)
    with urllib3.PoolManager(retries=False) as browser:

        def fetch(url):
            answer = browser.request("GET", url)
            return answer.status, answer.data

        yield Side(client, s3_server.bucket, fetch)
    client.close()


@pytest.fixture(scope="module")
def memory():
    client = MemoryS3("bucket")
    return Side(client, "bucket", client.fetch)


@pytest.fixture(params=["real", "memory"])
def side(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def prefix():
    return f"contract/{uuid.uuid4().hex}/"


@pytest.fixture
def storage(side, prefix):
    return S3Storage(side.client, side.bucket, prefix)


def refusal(call, *args, **named):
    with pytest.raises(ClientError) as refused:
        call(*args, **named)
    response = refused.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize("key", KEYS)
def test_what_is_saved_reads_back_under_any_name(storage, side, key):
    body = f"{key} says 🏆".encode()
    saved = storage.save(key, body, SVG)
    assert (saved.on_s3, saved.retries) == (True, 0)
    assert storage.open(key) == body
    assert storage.exists(key)
    assert storage.size(key) == len(body)
    assert storage.sha256(key) == hashlib.sha256(body).hexdigest()
    assert side.fetch(storage.url(key)) == (200, body)
    assert list(storage.keys()) == [key]


@pytest.mark.parametrize("body", [b"", b"x", bytes(range(256)) * 4096], ids=["empty", "one byte", "1 MiB"])
def test_an_empty_file_and_a_large_one_survive(storage, body):
    storage.save("any", body, SVG)
    assert storage.open("any") == body
    assert storage.size("any") == len(body)


def test_saving_again_replaces(storage):
    storage.save("twice", b"first", SVG)
    storage.save("twice", b"second", SVG)
    assert storage.open("twice") == b"second"


def test_adding_puts_once_and_only_mends_what_is_not_ours(storage, side, prefix):
    assert storage.add("once", b"body", SVG) is True
    assert storage.add("once", b"body", SVG) is False
    side.put(prefix + "once", b"forged")
    assert storage.add("once", b"body", SVG) is True
    assert storage.open("once") == b"body"


def test_a_write_that_must_be_the_first_is_refused_on_the_second(side, prefix):
    side.put(prefix + "k", b"1", IfNoneMatch="*")
    assert refusal(side.put, prefix + "k", b"2", IfNoneMatch="*") == ("PreconditionFailed", 412)
    assert side.get(prefix + "k") == b"1"


def test_the_server_refuses_bytes_that_have_not_the_sha256_they_came_with(side, prefix):
    wrong = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    assert refusal(side.put, prefix + "k", b"body", ChecksumSHA256=wrong) == ("BadDigest", 400)
    assert refusal(side.get, prefix + "k")[0] == "NoSuchKey"


def test_an_etag_is_the_md5_of_the_bytes_in_quotes(side, prefix):
    etag = '"' + hashlib.md5(b"body").hexdigest() + '"'
    assert side.put(prefix + "k", b"body")["ETag"] == etag
    assert side.client.head_object(Bucket=side.bucket, Key=prefix + "k")["ETag"] == etag
    assert side.client.get_object(Bucket=side.bucket, Key=prefix + "k")["ETag"] == etag


def test_the_content_type_is_kept(storage, side, prefix):
    storage.save("k", b"<svg/>", SVG)
    assert side.client.head_object(Bucket=side.bucket, Key=prefix + "k")["ContentType"] == SVG


def test_what_is_not_there_is_missing_by_its_code(storage, side, prefix):
    place = {"Bucket": side.bucket, "Key": prefix + "none"}
    assert refusal(side.client.get_object, **place) == ("NoSuchKey", 404)
    assert refusal(side.client.head_object, **place) == ("404", 404)
    assert refusal(side.client.get_object, Bucket="no-such-bucket", Key="k") == ("NoSuchBucket", 404)
    assert side.fetch(storage.url("none"))[0] == 404
    assert not storage.exists("none")
    for ask in (storage.open, storage.size, storage.created, storage.modified, storage.accessed):
        with pytest.raises(ObjectMissing):
            ask("none")


def test_deleting_twice_is_no_error(storage):
    storage.save("k", b"body", SVG)
    storage.delete("k")
    storage.delete("k")
    assert not storage.exists("k")


def test_the_times_are_those_of_the_write(storage):
    storage.save("k", b"body", SVG)
    now = datetime.now(UTC)
    for told in (storage.created("k"), storage.modified("k"), storage.accessed("k")):
        assert abs(told - now) < timedelta(seconds=5)


def test_a_list_comes_in_pages_sorted_and_complete(storage, side, prefix):
    keys = sorted([*(f"{number:02}" for number in range(7)), *KEYS], key=str.encode)
    for key in keys:
        storage.save(key, b"body", SVG)
    listed, token, pages = [], {}, 0
    while True:
        page = side.client.list_objects_v2(Bucket=side.bucket, Prefix=prefix, MaxKeys=4, **token)
        listed += [found["Key"].removeprefix(prefix) for found in page["Contents"]]
        pages += 1
        assert all(found["Size"] == 4 for found in page["Contents"])
        if not page["IsTruncated"]:
            break
        token = {"ContinuationToken": page["NextContinuationToken"]}
    assert (listed, pages) == (keys, 3)
    assert list(storage.keys()) == keys


def test_an_empty_list_has_no_contents(side, prefix):
    page = side.client.list_objects_v2(Bucket=side.bucket, Prefix=prefix)
    assert (page["KeyCount"], page["IsTruncated"], "Contents" in page) == (0, False, False)


def test_a_link_is_good_for_its_object_alone(storage, side):
    storage.save("mine", b"mine", SVG)
    storage.save("other", b"other", SVG)
    assert side.fetch(storage.url("mine").replace("mine", "other"))[0] == 403


@pytest.mark.system
def test_a_link_expires(storage, side):
    storage.save("k", b"body", SVG)
    link = storage.url("k", expires_s=1)
    assert side.fetch(link) == (200, b"body")
    assert eventually(lambda: side.fetch(link)[0] == 403, 10)  # by the server's own clock, to the second


@pytest.mark.system
def test_ten_writers_of_ten_files_read_what_they_wrote(storage):
    def write(writer):
        for number in range(10):
            body = f"{writer}/{number}".encode() * 999
            storage.save(f"{writer}/{number}", body, SVG)
            assert storage.open(f"{writer}/{number}") == body

    with ThreadPoolExecutor(10) as writers:
        list(writers.map(write, range(10)))
    assert len(list(storage.keys())) == 100
