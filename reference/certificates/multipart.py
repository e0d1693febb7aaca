"""Large objects go to S3 in parts: an upload that was cut off goes on where it stopped, one that fails is aborted."""

import base64
import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from reference.certificates.port import StorageUnavailable

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

PART_BYTES = 5 * 2**20  # the smallest that S3 takes, but for the last one
_LOG = logging.getLogger(__name__)

T = TypeVar("T")


class Runs(Protocol):
    """Makes a call of S3 with its retries. Returns its value and how often it was tried again."""

    def __call__(self, verb: str, key: str, call: Callable[[], T], /) -> tuple[T, int]:
        """Raise StorageUnavailable if the call fails for good."""
        ...


class UploadGone(StorageUnavailable):
    """The server knows no such upload: it was completed or aborted."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of an object's body. S3 counts from 1, checks the SHA-256, and names what it holds by the MD5."""

    number: int
    body: bytes
    checksum: str
    etag: str


def parts_of(body: bytes, size: int = PART_BYTES) -> tuple[Part, ...]:
    """Cut a body into parts of `size` bytes."""
    pieces = (body[at : at + size] for at in range(0, len(body), size))
    return tuple(_part(number, piece) for number, piece in enumerate(pieces, 1))


def _part(number: int, body: bytes) -> Part:
    checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
    return Part(number, body, checksum, f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"')


def checksum_of(parts: tuple[Part, ...]) -> str:
    """Return what S3 calls the SHA-256 of an object in parts: that of their SHA-256, and how many there are."""
    digests = b"".join(base64.b64decode(part.checksum) for part in parts)
    return f"{base64.b64encode(hashlib.sha256(digests).digest()).decode()}-{len(parts)}"


class Multipart:
    """Uploads in parts, each with its SHA-256, which the server checks."""

    def __init__(self, client: "S3Client", run: Runs) -> None:
        self._client, self._run = client, run

    def put(
        self, verb: str, key: str, place: Mapping[str, Any], parts: tuple[Part, ...], **about: str
    ) -> tuple[str | None, int]:
        """Put the object; return its checksum as the server tells it, and the retries. Raises StorageUnavailable."""
        upload, retries = self._begun(verb, key, place, about)
        try:
            held = self._held(key, upload) if upload.resumed else {}
            for part in parts:
                if held.get(part.number) != part.etag:
                    retries += self._run(verb, key, partial(self._send, upload, part))[1]
            completed = self._complete(verb, key, upload, parts)
        except StorageUnavailable:
            self._abort(key, upload)
            raise
        return completed[0], retries + completed[1]

    def _begun(
        self, verb: str, key: str, place: Mapping[str, Any], about: Mapping[str, str]
    ) -> tuple["_Upload", int]:
        """Return the upload of this key that was cut off, or a new one."""
        found = self._run(verb, key, lambda: list(self._pending(place)))[0]
        if found:
            return _Upload({**place, "UploadId": found[-1]}, resumed=True), 0
        wanted: Any = {**place, **about, "ChecksumAlgorithm": "SHA256"}
        made, retries = self._run(verb, key, lambda: self._client.create_multipart_upload(**wanted))
        return _Upload({**place, "UploadId": made["UploadId"]}, resumed=False), retries

    def _pending(self, place: Mapping[str, Any]) -> Iterator[str]:
        listed = self._client.list_multipart_uploads(Bucket=place["Bucket"], Prefix=place["Key"])
        yield from (each["UploadId"] for each in listed.get("Uploads", []) if each["Key"] == place["Key"])

    def _held(self, key: str, upload: "_Upload") -> dict[int, str]:
        """Return the ETags of the parts that the server holds, by number."""
        listed = self._run("read", key, lambda: self._client.list_parts(**upload.place))[0]
        return {part["PartNumber"]: part["ETag"] for part in listed.get("Parts", [])}

    def _send(self, upload: "_Upload", part: Part) -> None:
        self._client.upload_part(
            **upload.place, PartNumber=part.number, Body=part.body, ChecksumSHA256=part.checksum
        )

    def _complete(
        self, verb: str, key: str, upload: "_Upload", parts: tuple[Part, ...]
    ) -> tuple[str | None, int]:
        listed = [{"PartNumber": p.number, "ETag": p.etag, "ChecksumSHA256": p.checksum} for p in parts]
        whole: Any = {**upload.place, "MultipartUpload": {"Parts": listed}}
        try:
            answer, retries = self._run(verb, key, lambda: self._client.complete_multipart_upload(**whole))
        except UploadGone as failure:  # the answer to a first try was lost: what lies there tells what it did
            return self._lying(key, upload), failure.retries
        return answer.get("ChecksumSHA256"), retries

    def _lying(self, key: str, upload: "_Upload") -> str | None:
        where = {name: upload.place[name] for name in ("Bucket", "Key")}
        head = self._run("read", key, lambda: self._client.head_object(**where, ChecksumMode="ENABLED"))[0]
        return head.get("ChecksumSHA256")

    def _abort(self, key: str, upload: "_Upload") -> None:
        """Let the server forget the parts. If that fails, too, the next upload of this key goes on with them."""
        try:
            self._run("abort", key, lambda: self._client.abort_multipart_upload(**upload.place))
        except StorageUnavailable as failure:
            _LOG.warning("parts stay behind: %s", failure)


@dataclass(frozen=True, slots=True)
class _Upload:
    """Where an upload goes on: bucket, key and its id."""

    place: Mapping[str, Any]
    resumed: bool
