"""What is done at an S3 server, by boto3."""

import logging
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import urllib3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tailguard.base.errors import UsageError
from tailguard.base.text_format import duration_s
from tailguard.s3.address import S3Server

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CONNECT_TIMEOUT_S, _READ_TIMEOUT_S = 5, 30
_LOG = logging.getLogger(__name__)
_REDIRECT = 3  # the hundreds of 301, 302, 307, 308
_SKEW_S = 15 * 60  # a signature of another time than this is refused, as by Amazon's
_MISSING = frozenset({"404", "NoSuchBucket", "NotFound"})


# Clients may be used by any thread, but made by one at a time: https://boto3.amazonaws.com/v1/documentation (Session).
_making = Lock()


@cache
def _session() -> boto3.session.Session:
    """Return the one session: each one reads the descriptions of S3 anew, which costs 0.13 s."""
    return boto3.session.Session()


class StorageError(UsageError):
    """The S3 endpoint cannot be used as it is; the message says what to change."""


def client_of(server: S3Server, **config: Any) -> "S3Client":
    """Return a boto3 client, path style and SigV4; `config` goes to botocore's Config."""
    defaults: dict[str, Any] = {
        "signature_version": "s3v4",
        "s3": {"addressing_style": "path"},
        "connect_timeout": _CONNECT_TIMEOUT_S,
        "read_timeout": _READ_TIMEOUT_S,
    }
    with _making:
        return _session().client(
            "s3",
            endpoint_url=server.endpoint,
            region_name=server.region,
            aws_access_key_id=server.access_key,
            aws_secret_access_key=server.secret_key,
            aws_session_token=server.session_token,
            config=Config(**(defaults | config)),
        )


def ensure_bucket(server: S3Server, **config: Any) -> bool:
    """Make the bucket where it is missing; tell whether we made it. Raises StorageError, never with a key."""
    client = server.client(**({"retries": {"total_max_attempts": 2}} | config))
    try:
        if _exists(client, server.bucket):
            return False
        client.create_bucket(Bucket=server.bucket, **_where(server.region))
    except ClientError as error:
        raise StorageError(f"S3 at {server.address} {_refused(error, server.bucket)}") from None
    except (BotoCoreError, ValueError) as error:
        raise StorageError(
            f"S3 at {server.address} cannot be reached ({type(error).__name__}): check that it runs and that "
            "--s3-endpoint is right, or omit it for an embedded server"
        ) from None
    finally:
        client.close()
    return True


def check_answer(server: S3Server) -> None:
    """Ask once without a key. Raises StorageError if the server sends us elsewhere: botocore would follow for ever."""
    url = f"{server.endpoint.rstrip('/')}/{server.bucket}"
    try:
        answer = urllib3.request("HEAD", url, redirect=False, retries=False, timeout=_CONNECT_TIMEOUT_S)
    except urllib3.exceptions.HTTPError:  # `ensure_bucket` will say it, or has other certificates
        return
    if answer.status // 100 != _REDIRECT:
        return
    place = urlsplit(answer.headers.get("Location", ""))
    region = answer.headers.get("x-amz-bucket-region")
    if place.netloc and f"{place.scheme}://{place.netloc}" != server.endpoint.rstrip("/"):
        remedy = f"to {place.scheme}://{place.netloc}: give that as --s3-endpoint"
    elif region:
        remedy = f"because the bucket is in the region {region}: give that region's endpoint, and s3.region"
    else:
        remedy = "and does not say where: give the endpoint of the bucket's region, and s3.region"
    raise StorageError(f"S3 at {server.address} sends us elsewhere ({answer.status}) {remedy}")


def _refused(error: ClientError, bucket: str) -> str:
    code = error.response["Error"].get("Code", "unknown")
    told = error.response["ResponseMetadata"].get("HTTPHeaders", {}).get("date", "")
    apart_s = _apart_s(told)
    if code == "RequestTimeTooSkewed" or apart_s > _SKEW_S:
        return (
            f"refuses us because its clock says {told or 'another time'}, which is {duration_s(apart_s)} from ours:"
            " set the clock of this machine, or of that one"
        )
    return (
        f"refuses the bucket {bucket!r} ({code}): check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the bucket's name"
        " and rights"
    )


def _apart_s(told: str) -> float:
    try:
        return abs((parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):  # no date, or one without a zone
        return 0.0


def software(server: S3Server) -> str:
    """Return what the server calls itself in its answers, "unknown" if it does not say."""
    client = server.client()
    try:
        answer = client.head_bucket(Bucket=server.bucket)
        return answer["ResponseMetadata"]["HTTPHeaders"].get("server", "unknown")
    except (ClientError, BotoCoreError):
        return "unknown"
    finally:
        client.close()


def remove_ours(server: S3Server, *, bucket_too: bool) -> None:
    """Delete the objects below our prefix, and the bucket if we made it.

    A failure is logged with what is left, not raised: what was measured is worth more.
    Raises ValueError if neither a prefix nor the bucket is ours: that would empty a user's bucket.
    """
    if not server.prefix and not bucket_too:
        raise ValueError(f"nothing in the bucket {server.bucket} is ours alone: no prefix")
    client = server.client()
    try:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=server.bucket, Prefix=server.prefix)
        for page in pages:
            _delete(client, server.bucket, [item["Key"] for item in page.get("Contents", [])])
        if bucket_too:
            client.delete_bucket(Bucket=server.bucket)
    except (ClientError, BotoCoreError) as error:
        place = f"{server.address}/{server.bucket}/{server.prefix}"
        _LOG.warning("objects stay behind below %s: %s", place, type(error).__name__)
    finally:
        client.close()


def _delete(client: "S3Client", bucket: str, keys: list[str]) -> None:
    """Delete a page of keys in one call, or one by one if the server has no such call (Google's has none)."""
    if not keys:
        return
    try:
        client.delete_objects(
            Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True}
        )
    except ClientError:
        for key in keys:
            client.delete_object(Bucket=bucket, Key=key)


def _exists(client: "S3Client", bucket: str) -> bool:
    try:
        client.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"].get("Code") in _MISSING:
            return False
        raise
    return True


def _where(region: str) -> dict[str, Any]:
    """AWS wants the region named, save for its oldest."""
    return {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
