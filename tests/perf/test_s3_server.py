"""The S3 room: a real server that checks signatures, on loopback only, gone with us."""

import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError

from perf.s3.server import your_s3
from perf.s3.store import S3Server, StorageError


@pytest.fixture
def client(s3_server):
    made = s3_server.client()
    yield made
    made.close()


def environment(server):
    return {"AWS_ACCESS_KEY_ID": server.access_key, "AWS_SECRET_ACCESS_KEY": server.secret_key}


def keys(client, bucket, prefix=""):
    return [item["Key"] for item in client.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])]


def test_what_is_stored_reads_back_under_a_name_in_any_script(s3_server, client):
    for name in ("Curaçao", "東京", "Δ", "🏆"):
        client.put_object(Bucket=s3_server.bucket, Key=f"names/{name}", Body=name.encode())
        assert client.get_object(Bucket=s3_server.bucket, Key=f"names/{name}")["Body"].read() == name.encode()


def test_a_presigned_url_reads_and_a_tampered_one_is_refused(s3_server, client):
    client.put_object(Bucket=s3_server.bucket, Key="signed", Body=b"yes")
    url = client.generate_presigned_url("get_object", Params={"Bucket": s3_server.bucket, "Key": "signed"})
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert answer.read() == b"yes"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url.replace("/signed", "/other"), timeout=10)
    refused.value.close()
    assert refused.value.code == 403


def test_wrong_keys_are_refused_and_never_shown(s3_server):
    wrong = {"AWS_ACCESS_KEY_ID": s3_server.access_key, "AWS_SECRET_ACCESS_KEY": "not-the-secret"}
    with pytest.raises(StorageError) as refused, your_s3(s3_server.endpoint, s3_server.bucket, environ=wrong):
        pass
    assert s3_server.address in str(refused.value)
    assert "not-the-secret" not in str(refused.value)
    assert s3_server.access_key not in str(refused.value)


def test_the_keys_are_not_in_the_servers_repr(s3_server):
    assert s3_server.secret_key not in repr(s3_server)
    assert s3_server.access_key not in repr(s3_server)


def test_in_your_bucket_only_our_prefix_is_removed(s3_server, client):
    client.create_bucket(Bucket="somebodys")
    client.put_object(Bucket="somebodys", Key="precious", Body=b"1")
    with your_s3(s3_server.endpoint, "somebodys", environ=environment(s3_server)) as yours:
        client.put_object(Bucket=yours.bucket, Key=f"{yours.prefix}ours", Body=b"2")
        assert yours.prefix
        assert yours.kind == "yours"
    assert keys(client, "somebodys") == ["precious"]


def test_a_bucket_we_made_is_removed_again(s3_server, client):
    with your_s3(s3_server.endpoint, "made-by-us", environ=environment(s3_server)) as yours:
        client.put_object(Bucket="made-by-us", Key=f"{yours.prefix}ours", Body=b"2")
    with pytest.raises(ClientError, match="404"):
        client.head_bucket(Bucket="made-by-us")


def test_an_unreachable_endpoint_is_named_without_the_keys():
    secret = {"AWS_ACCESS_KEY_ID": "AKIDVERYSECRET", "AWS_SECRET_ACCESS_KEY": "very/secret"}
    reached = pytest.raises(StorageError, match=r"127\.0\.0\.1:9 cannot be reached")
    with reached as refused, your_s3("http://127.0.0.1:9", environ=secret):
        pass
    assert "SECRET" not in str(refused.value).upper().replace("AWS_SECRET_ACCESS_KEY", "")
    assert refused.value.exit_code == 64


@pytest.mark.parametrize(
    ("endpoint", "environ", "said"),
    [
        ("http://127.0.0.1:9", {}, "needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        ("127.0.0.1:9", {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}, "is no URL"),
    ],
)
def test_what_is_missing_is_named_before_anything_is_tried(endpoint, environ, said):
    with pytest.raises(StorageError, match=said), your_s3(endpoint, environ=environ):
        pass


def test_nothing_is_removed_from_a_bucket_without_a_prefix(s3_server):
    from perf.s3.store import remove_ours

    bare = S3Server(s3_server.endpoint, "us-east-1", "somebodys", "yours", "unknown")
    with pytest.raises(ValueError, match="nothing in the bucket"):
        remove_ours(bare, bucket_too=False)
