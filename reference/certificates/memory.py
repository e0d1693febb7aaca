"""An S3 client whose server is a dictionary: the same calls, codes, ETags and pages as S3, with faults to order.

For unit tests and fault injection. tests/reference/test_certificate_contract.py holds it to a real server.
"""
# ruff: noqa: N803 - boto3's own names

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

from reference.certificates.memory_answers import (
    Answer,
    MemoryObject,
    answer,
    checked,
    etag_of,
    head_of,
    refused,
)
from reference.certificates.multipart import PART_BYTES, checksum_of, parts_of

PAGE = 1000  # keys of a list's page, as S3's own limit


@dataclass(slots=True)
class Knobs:
    """Faults to order: seconds that each kind of call takes, keys that always fail, the share of calls that get 503."""

    upload_s: float = 0.0
    download_s: float = 0.0
    metadata_s: float = 0.0
    failing_keys: set[str] = field(default_factory=set)
    error_rate: float = 0.0


@dataclass(frozen=True, slots=True)
class _Upload:
    """An upload in parts under way, with the bytes of each part by number."""

    place: tuple[str, str]
    content_type: str
    parts: dict[int, bytes] = field(default_factory=dict)


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
        self._buckets: dict[str, dict[str, MemoryObject]] = {bucket: {} for bucket in buckets}
        self._uploads: dict[str, _Upload] = {}
        self._sleep, self._now_s = sleep, now_s
        self._chance = random.Random(seed)  # noqa: S311 - which calls fail shall be repeatable, not secret
        self._secret = secrets.token_bytes(32)
        self._lock = Lock()

    def put_object(
        self,
        *,
        Bucket: str,
        Key: str,
        Body: bytes,
        ContentType: str = "binary/octet-stream",
        ChecksumSHA256: str | None = None,
        IfNoneMatch: str | None = None,
        **_: Any,
    ) -> Answer:
        """Store the bytes under the key."""
        self._meet("PutObject", Key, self.knobs.upload_s)
        checksum, etag = checked(Body, ChecksumSHA256, "PutObject")
        made = MemoryObject(bytes(Body), ContentType, etag, checksum, self._now())
        with self._lock:
            objects = self._objects(Bucket, "PutObject")
            if IfNoneMatch == "*" and Key in objects:
                raise refused("PreconditionFailed", "PutObject")
            objects[Key] = made
        return answer(ETag=etag, ChecksumSHA256=checksum)

    def create_multipart_upload(
        self, *, Bucket: str, Key: str, ContentType: str = "binary/octet-stream", **_: Any
    ) -> Answer:
        """Begin an upload in parts."""
        self._meet("CreateMultipartUpload", Key, self.knobs.metadata_s)
        with self._lock:
            self._objects(Bucket, "CreateMultipartUpload")
            identity = secrets.token_hex(16)
            self._uploads[identity] = _Upload((Bucket, Key), ContentType)
        return answer(UploadId=identity)

    def upload_part(
        self,
        *,
        Key: str,
        UploadId: str,
        PartNumber: int,
        Body: bytes,
        ChecksumSHA256: str | None = None,
        **_: Any,
    ) -> Answer:
        """Keep one part."""
        self._meet("UploadPart", Key, self.knobs.upload_s)
        checksum, etag = checked(Body, ChecksumSHA256, "UploadPart")
        with self._lock:
            self._upload(UploadId, "UploadPart").parts[PartNumber] = bytes(Body)
        return answer(ETag=etag, ChecksumSHA256=checksum)

    def list_multipart_uploads(self, *, Bucket: str, Prefix: str = "") -> Answer:
        """Return the uploads in parts that are under way below a prefix."""
        self._meet("ListMultipartUploads", Prefix, self.knobs.metadata_s)
        with self._lock:
            uploads = [(*upload.place, identity) for identity, upload in self._uploads.items()]
        found = [
            {"Key": key, "UploadId": identity}
            for bucket, key, identity in uploads
            if bucket == Bucket and key.startswith(Prefix)
        ]
        return answer(Uploads=found)

    def list_parts(self, *, Key: str, UploadId: str, **_: Any) -> Answer:
        """Return the parts that are kept of an upload."""
        self._meet("ListParts", Key, self.knobs.metadata_s)
        with self._lock:
            parts = dict(self._upload(UploadId, "ListParts").parts)
        return answer(Parts=[{"PartNumber": number, "ETag": etag_of(body)} for number, body in parts.items()])

    def complete_multipart_upload(self, *, Bucket: str, Key: str, UploadId: str, **_: Any) -> Answer:
        """Make the object of its parts."""
        self._meet("CompleteMultipartUpload", Key, self.knobs.metadata_s)
        with self._lock:
            upload = self._upload(UploadId, "CompleteMultipartUpload")
            body = b"".join(upload.parts[number] for number in sorted(upload.parts))
            checksum, etag = checksum_of(parts_of(body, PART_BYTES)), etag_of(body)
            made = MemoryObject(body, upload.content_type, etag, checksum, self._now())
            self._objects(Bucket, "CompleteMultipartUpload")[Key] = made
            del self._uploads[UploadId]
        return answer(ETag=etag, ChecksumSHA256=checksum)

    def abort_multipart_upload(self, *, Key: str, UploadId: str, **_: Any) -> Answer:
        """Forget an upload and its parts."""
        self._meet("AbortMultipartUpload", Key, self.knobs.metadata_s)
        with self._lock:
            self._upload(UploadId, "AbortMultipartUpload")
            del self._uploads[UploadId]
        return answer()

    def get_object(self, *, Bucket: str, Key: str, **_: Any) -> Answer:
        """Return the object with its body as a stream."""
        self._meet("GetObject", Key, self.knobs.download_s)
        found = self._found(Bucket, Key, "GetObject", "NoSuchKey")
        return answer(**head_of(found), Body=io.BytesIO(found.body))

    def head_object(self, *, Bucket: str, Key: str, ChecksumMode: str = "", **_: Any) -> Answer:
        """Return what is known of the object without its bytes."""
        self._meet("HeadObject", Key, self.knobs.metadata_s)
        found = self._found(Bucket, Key, "HeadObject", "404")
        checksum = {"ChecksumSHA256": found.sha256} if ChecksumMode == "ENABLED" else {}
        return answer(**head_of(found), **checksum)

    def delete_object(self, *, Bucket: str, Key: str, **_: Any) -> Answer:
        """Remove the object; a missing one is not an error."""
        self._meet("DeleteObject", Key, self.knobs.metadata_s)
        with self._lock:
            self._objects(Bucket, "DeleteObject").pop(Key, None)
        return answer()

    def list_objects_v2(
        self, *, Bucket: str, Prefix: str = "", MaxKeys: int = PAGE, ContinuationToken: str = "", **_: Any
    ) -> Answer:
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
        return answer(KeyCount=len(page), IsTruncated=bool(more), **contents, **more)

    def generate_presigned_url(self, ClientMethod: str, Params: dict[str, str], ExpiresIn: int = 3600) -> str:
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
            raise refused("ServiceUnavailable", operation)
        if key in self.knobs.failing_keys:
            raise refused("InternalError", operation)

    def _objects(self, bucket: str, operation: str) -> dict[str, MemoryObject]:
        if bucket not in self._buckets:
            raise refused("NoSuchBucket", operation)
        return self._buckets[bucket]

    def _found(self, bucket: str, key: str, operation: str, missing: str) -> MemoryObject:
        with self._lock:
            found = self._objects(bucket, operation).get(key)
        if found is None:
            raise refused(missing, operation)
        return found

    def _upload(self, identity: str, operation: str) -> _Upload:
        if identity not in self._uploads:
            raise refused("NoSuchUpload", operation)
        return self._uploads[identity]

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._now_s(), UTC)

    def _signature(self, path: str, expires: str) -> str:
        return hmac.new(self._secret, f"{path}?{expires}".encode(), hashlib.sha256).hexdigest()
