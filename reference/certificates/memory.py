"""An S3 client whose server is a dictionary: the same calls, codes, ETags and pages as S3, with faults to order.

For unit tests and fault injection. tests/reference/test_certificate_contract.py holds it to a real server.
"""

import base64
import hashlib
import hmac
import io
import random
import secrets
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from botocore.exceptions import ClientError

PAGE = 1000  # keys of a list's page, as S3's own limit

_STATUS = {
    "NoSuchKey": 404,
    "NoSuchBucket": 404,
    "404": 404,
    "PreconditionFailed": 412,
    "BadDigest": 400,
    "InternalError": 500,
    "ServiceUnavailable": 503,
}


@dataclass(slots=True)
class Knobs:
    """Faults to order: seconds that each kind of call takes, keys that always fail, the share of calls that get 503."""

    upload_s: float = 0.0
    download_s: float = 0.0
    metadata_s: float = 0.0
    failing_keys: set[str] = field(default_factory=set)
    error_rate: float = 0.0


@dataclass(frozen=True, slots=True)
class _Object:
    body: bytes
    content_type: str
    etag: str
    sha256: str
    modified: datetime


class MemoryS3:
    """Takes the calls of a boto3 S3 client that the storage makes. Threads may share it.

    `operations` counts the calls by name, failed ones too. `seed` fixes which calls `knobs.error_rate` hits.
    """

    def __init__(
        self,
        *buckets: str,
        seed: int = 1,
        sleep: Callable[[float], None] = time.sleep,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """Begin with empty buckets."""
        self.knobs = Knobs()
        self.operations: Counter[str] = Counter()
        self._buckets: dict[str, dict[str, _Object]] = {bucket: {} for bucket in buckets}
        self._sleep, self._now_s = sleep, now_s
        self._chance = random.Random(seed)  # noqa: S311 - which calls fail shall be repeatable, not secret
        self._secret = secrets.token_bytes(32)
        self._lock = Lock()

    def put_object(
        self,
        *,
        Bucket: str,  # noqa: N803 - boto3's own names, here and below
        Key: str,  # noqa: N803
        Body: bytes,  # noqa: N803
        ContentType: str = "binary/octet-stream",  # noqa: N803
        ChecksumSHA256: str | None = None,  # noqa: N803
        IfNoneMatch: str | None = None,  # noqa: N803
        **_: Any,
    ) -> dict[str, Any]:
        """Store the bytes under the key."""
        self._meet("PutObject", Key, self.knobs.upload_s)
        checksum = base64.b64encode(hashlib.sha256(Body).digest()).decode()
        if ChecksumSHA256 not in (None, checksum):
            raise _refused("BadDigest", "PutObject")
        etag = '"' + hashlib.md5(Body, usedforsecurity=False).hexdigest() + '"'
        made = _Object(bytes(Body), ContentType, etag, checksum, datetime.fromtimestamp(self._now_s(), UTC))
        with self._lock:
            objects = self._objects(Bucket, "PutObject")
            if IfNoneMatch == "*" and Key in objects:
                raise _refused("PreconditionFailed", "PutObject")
            objects[Key] = made
        return _answer(ETag=etag, ChecksumSHA256=checksum)

    def get_object(self, *, Bucket: str, Key: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        """Return the object with its body as a stream."""
        self._meet("GetObject", Key, self.knobs.download_s)
        found = self._found(Bucket, Key, "GetObject", "NoSuchKey")
        return _answer(**_head_of(found), Body=io.BytesIO(found.body))

    def head_object(
        self,
        *,
        Bucket: str,  # noqa: N803
        Key: str,  # noqa: N803
        ChecksumMode: str = "",  # noqa: N803
        **_: Any,
    ) -> dict[str, Any]:
        """Return what is known of the object without its bytes."""
        self._meet("HeadObject", Key, self.knobs.metadata_s)
        found = self._found(Bucket, Key, "HeadObject", "404")
        checksum = {"ChecksumSHA256": found.sha256} if ChecksumMode == "ENABLED" else {}
        return _answer(**_head_of(found), **checksum)

    def delete_object(self, *, Bucket: str, Key: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        """Remove the object; a missing one is not an error."""
        self._meet("DeleteObject", Key, self.knobs.metadata_s)
        with self._lock:
            self._objects(Bucket, "DeleteObject").pop(Key, None)
        return _answer()

    def list_objects_v2(
        self,
        *,
        Bucket: str,  # noqa: N803
        Prefix: str = "",  # noqa: N803
        MaxKeys: int = PAGE,  # noqa: N803
        ContinuationToken: str = "",  # noqa: N803
        **_: Any,
    ) -> dict[str, Any]:
        """Return a page of the keys below a prefix, sorted by their UTF-8 bytes; the token continues after it."""
        self._meet("ListObjectsV2", Prefix, self.knobs.metadata_s)
        with self._lock:
            objects = dict(self._objects(Bucket, "ListObjectsV2"))
        keys = sorted((key for key in objects if key.startswith(Prefix)), key=str.encode)
        keys = [key for key in keys if key.encode() > ContinuationToken.encode()]
        page = keys[: min(MaxKeys, PAGE)]
        more = {"NextContinuationToken": page[-1]} if len(page) < len(keys) else {}
        found = [
            {
                "Key": key,
                "Size": len(objects[key].body),
                "ETag": objects[key].etag,
                "LastModified": objects[key].modified,
            }
            for key in page
        ]
        contents = {"Contents": found} if found else {}
        return _answer(KeyCount=len(page), IsTruncated=bool(more), **contents, **more)

    def generate_presigned_url(
        self,
        ClientMethod: str,  # noqa: N803
        Params: dict[str, str],  # noqa: N803
        ExpiresIn: int = 3600,  # noqa: N803
    ) -> str:
        """Sign a GET for `fetch`."""
        self.operations["Presign"] += 1
        assert ClientMethod == "get_object", ClientMethod
        path = f"/{Params['Bucket']}/{quote(Params['Key'])}"
        expires = str(int(self._now_s()) + ExpiresIn)
        query = urlencode({"X-Amz-Expires": expires, "X-Amz-Signature": self._signature(path, expires)})
        return f"memory://s3{path}?{query}"

    def fetch(self, url: str) -> tuple[int, bytes]:
        """Read a presigned link as a browser would: (status, body)."""
        parts = urlsplit(url)
        given = {name: values[0] for name, values in parse_qs(parts.query).items()}
        expires = given.get("X-Amz-Expires", "0")
        signed = hmac.compare_digest(given.get("X-Amz-Signature", ""), self._signature(parts.path, expires))
        if not signed or self._now_s() >= int(expires):
            return 403, b"AccessDenied"
        _, bucket, key = unquote(parts.path).split("/", 2)
        try:
            return 200, self.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            return error.response["ResponseMetadata"]["HTTPStatusCode"], b""

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def _meet(self, operation: str, key: str, takes_s: float) -> None:
        """Count the call, let it take its time, fail it where that was ordered."""
        with self._lock:
            self.operations[operation] += 1
            unlucky = self._chance.random() < self.knobs.error_rate
        if takes_s:
            self._sleep(takes_s)
        if unlucky:
            raise _refused("ServiceUnavailable", operation)
        if key in self.knobs.failing_keys:
            raise _refused("InternalError", operation)

    def _objects(self, bucket: str, operation: str) -> dict[str, _Object]:
        if bucket not in self._buckets:
            raise _refused("NoSuchBucket", operation)
        return self._buckets[bucket]

    def _found(self, bucket: str, key: str, operation: str, missing: str) -> _Object:
        with self._lock:
            found = self._objects(bucket, operation).get(key)
        if found is None:
            raise _refused(missing, operation)
        return found

    def _signature(self, path: str, expires: str) -> str:
        return hmac.new(self._secret, f"{path}?{expires}".encode(), hashlib.sha256).hexdigest()


def _head_of(found: _Object) -> dict[str, Any]:
    return {
        "ContentLength": len(found.body),
        "ContentType": found.content_type,
        "ETag": found.etag,
        "LastModified": found.modified,
    }


def _answer(**fields: Any) -> dict[str, Any]:
    return {"ResponseMetadata": {"HTTPStatusCode": 200, "RetryAttempts": 0}} | fields


def _refused(code: str, operation: str) -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": code},
        "ResponseMetadata": {"HTTPStatusCode": _STATUS[code], "RetryAttempts": 0},
    }
    return ClientError(response, operation)
