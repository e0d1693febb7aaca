"""Certificates in a bucket of an S3 server, each stored with its SHA-256, which the server checks."""

import base64
import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from reference.certificates.metrics import Metrics
from reference.certificates.multipart import PART_BYTES, Multipart, UploadGone, checksum_of, parts_of
from reference.certificates.port import (
    URL_EXPIRES_S,
    ObjectArchived,
    ObjectMissing,
    Saved,
    StorageUnavailable,
)
from reference.certificates.retry import Retry

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

T = TypeVar("T")

MISSING_CODES = frozenset({"NoSuchKey", "404", "NotFound"})
PRESENT_CODES = frozenset({"PreconditionFailed", "412"})
# What an S3 server means by "again, please", beside every status of 500 and above.
PASSING_CODES = frozenset({"RequestTimeout", "SlowDown", "Throttling", "TooManyRequests", "429", "BadDigest"})
_CACHE = "private, max-age=600"


class S3Storage:
    """One bucket of an S3 server, under a prefix. boto3 clients are thread-safe: one serves all workers.

    What is larger than PART_BYTES goes there in parts.

    Give it a client without retries of its own (`connect_s3`): the retries here are counted, hidden ones are not.
    """

    def __init__(
        self,
        client: "S3Client",
        bucket: str,
        prefix: str = "",
        *,
        metrics: Metrics | None = None,
        retry: Retry | None = None,
    ) -> None:
        """Store in `bucket`, all keys starting with `prefix`."""
        self._client, self._bucket, self._prefix = client, bucket, prefix
        self._metrics, self._retry = metrics or Metrics(), retry or Retry()

    def save(self, key: str, body: bytes, content_type: str) -> Saved:
        """Put the object privately. The server refuses it where its bytes have not the SHA-256 that we computed."""
        return Saved(self._put("store", key, body, content_type), on_s3=True)

    def add(self, key: str, body: bytes, content_type: str) -> bool:
        """Put the object where it is not there yet with these very bytes; tell whether it was put."""
        try:
            self._put("store", key, body, content_type, IfNoneMatch="*")
        except _Present:
            if self.sha256(key) == hashlib.sha256(body).hexdigest():
                return False
            self._put("store", key, body, content_type)  # what lies there is not what belongs there
        return True

    def open(self, key: str) -> bytes:
        """Get the object whole; a body that breaks off is got again."""

        def get() -> bytes:
            return self._client.get_object(**self._place(key))["Body"].read()

        return self._run("read", key, get)[0]

    def exists(self, key: str) -> bool:
        """Ask for the object's head."""
        try:
            self._head(key)
        except ObjectMissing:
            return False
        return True

    def delete(self, key: str) -> None:
        self._run("delete", key, lambda: self._client.delete_object(**self._place(key)))

    def url(self, key: str, expires_s: int = URL_EXPIRES_S) -> str:
        """Sign a GET: computed here, without asking the server."""
        return self._client.generate_presigned_url("get_object", Params=self._place(key), ExpiresIn=expires_s)

    def size(self, key: str) -> int:
        """Return the object's length in bytes."""
        return int(self._head(key)["ContentLength"])

    def sha256(self, key: str) -> str:
        """Return the SHA-256 (hex) of what the server holds: its own checksum, or that of the bytes read back."""
        checksum = self._head(key, ChecksumMode="ENABLED").get("ChecksumSHA256")
        if (
            checksum is None or "-" in checksum
        ):  # of an object in parts: the SHA-256 of theirs, not of the whole
            return hashlib.sha256(self.open(key)).hexdigest()
        return base64.b64decode(checksum).hex()

    def created(self, key: str) -> datetime:
        """Return when the object was last written: S3 keeps no other time."""
        return self.modified(key)

    def modified(self, key: str) -> datetime:
        """Return when the object was last written."""
        found: datetime = self._head(key)["LastModified"]
        return found

    def accessed(self, key: str) -> datetime:
        """Return when the object was last written: S3 keeps no other time."""
        return self.modified(key)

    def keys(self) -> Iterator[str]:
        """Yield the key of each object, sorted, page by page."""
        wanted: dict[str, Any] = {"Bucket": self._bucket, "Prefix": self._prefix}
        while True:
            page = self._page(wanted)
            for found in page.get("Contents", []):
                yield found["Key"].removeprefix(self._prefix)
            if not page.get("IsTruncated"):
                return
            wanted["ContinuationToken"] = page["NextContinuationToken"]

    def _page(self, wanted: dict[str, Any]) -> Any:
        return self._run("list", self._prefix, lambda: self._client.list_objects_v2(**wanted))[0]

    def _put(self, verb: str, key: str, body: bytes, content_type: str, **conditions: str) -> int:
        """Put the object and return how many retries that took. Raises StorageUnavailable where it came out changed."""
        about = {"ContentType": content_type, "CacheControl": _CACHE}
        put = self._put_in_parts if len(body) > PART_BYTES else self._put_at_once
        checksum, stored, retries = put(verb, key, body, about, conditions)
        if stored is None:  # a server that computes none: read it back ourselves
            checksum, stored = _checksum(body), _checksum(self.open(key))
        if stored != checksum:
            raise StorageUnavailable(f"could not {verb} the object {key}: it came out with another SHA-256")
        return retries

    def _put_at_once(
        self, verb: str, key: str, body: bytes, about: dict[str, str], conditions: dict[str, str]
    ) -> tuple[str, str | None, int]:
        """Put the object: return its checksum, the one that the server tells, and the retries."""
        checksum = _checksum(body)
        wanted: Any = {**self._place(key), **about, **conditions, "Body": body}
        answer, retries = self._run(
            verb, key, lambda: self._client.put_object(**wanted, ChecksumSHA256=checksum)
        )
        return checksum, answer.get("ChecksumSHA256"), retries

    def _put_in_parts(
        self, verb: str, key: str, body: bytes, about: dict[str, str], conditions: dict[str, str]
    ) -> tuple[str, str | None, int]:
        """Do the same in parts. Not every server knows conditions here, so the question is asked first."""
        if conditions and self.exists(key):
            raise _Present(f"could not {verb} the object {key}: it is there")
        parts = parts_of(body)
        upload = Multipart(self._client, self._run)
        return checksum_of(parts), *upload.put(verb, key, self._place(key), parts, **about)

    def _head(self, key: str, **wanted: Any) -> Any:
        return self._run("read", key, lambda: self._client.head_object(**self._place(key), **wanted))[0]

    def _place(self, key: str) -> dict[str, Any]:
        return {"Bucket": self._bucket, "Key": self._prefix + key}

    def _run(self, verb: str, key: str, call: Callable[[], T]) -> tuple[T, int]:
        """Return the call's value and its retries; raise what a storage raises."""
        try:
            value, retries = self._retry.run(call, passing)
        except (BotoCoreError, ClientError) as error:
            raised = _unavailable(verb, key, error)
            self._metrics.count_retries(raised.retries)
            raise raised from error
        self._metrics.count_retries(retries)
        return value, retries


class _Present(StorageUnavailable):
    """An object lies under the key already."""


# InvalidObjectState: it must be restored from the archive before it can be read.
_KINDS = (
    dict.fromkeys(MISSING_CODES, ObjectMissing)
    | dict.fromkeys(PRESENT_CODES, _Present)
    | {"InvalidObjectState": ObjectArchived, "NoSuchUpload": UploadGone}
)


def passing(error: Exception) -> bool:
    """Tell whether a failure may pass by itself: no answer, a broken one, or the server's own trouble."""
    if not isinstance(error, ClientError):
        return isinstance(error, BotoCoreError)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status >= 500 or error_code(error) in PASSING_CODES  # noqa: PLR2004  # HTTP's own line


def _checksum(body: bytes) -> str:
    """Return the SHA-256 as S3 writes it."""
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def error_code(error: ClientError) -> str:
    """Return S3's own word for a failure."""
    return error.response.get("Error", {}).get("Code", "")


def connect_s3(
    endpoint: str | None,
    access_key: str,
    secret_key: str,
    region: str = "us-east-1",
    session_token: str | None = None,
    *,
    connect_timeout_s: float = 2.0,
    read_timeout_s: float = 5.0,
) -> "S3Client":
    """Return a client with short timeouts and no retries of its own, of AWS itself where the endpoint is None."""
    import boto3  # noqa: PLC0415 - costs 0.2 s, and most of the platform needs no S3
    from botocore.config import Config  # noqa: PLC0415 - as above

    # A session of its own: boto3's default one is not safe to make clients from in several threads.
    return boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        aws_session_token=session_token,
        region_name=region,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            retries={"total_max_attempts": 1},
            max_pool_connections=32,
            connect_timeout=connect_timeout_s,
            read_timeout=read_timeout_s,
        ),
    )


def _unavailable(verb: str, key: str, error: Exception) -> StorageUnavailable:
    """Name the object and the kind of failure; the error's own text may carry an endpoint or a key."""
    code = error_code(error) if isinstance(error, ClientError) else type(error).__name__
    kind = _KINDS.get(code, StorageUnavailable)
    failed = kind(f"could not {verb} the object {key}: {code}")
    failed.retries = getattr(error, "retries", 0)
    return failed
