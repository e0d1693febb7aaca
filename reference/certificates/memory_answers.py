"""What the S3 client in memory answers and refuses, in boto3's own shapes."""

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from botocore.exceptions import ClientError

Answer: TypeAlias = dict[str, Any]  # as boto3 has it

_STATUS = {
    "NoSuchKey": 404,
    "NoSuchBucket": 404,
    "404": 404,
    "PreconditionFailed": 412,
    "NoSuchUpload": 404,
    "BadDigest": 400,
    "InternalError": 500,
    "ServiceUnavailable": 503,
}


@dataclass(frozen=True, slots=True)
class MemoryObject:
    """What is kept of an object."""

    body: bytes
    content_type: str
    etag: str
    sha256: str
    modified: datetime


def checked(body: bytes, told: str | None, operation: str) -> tuple[str, str]:
    """Return the SHA-256 and ETag of a body, refused where it came with another SHA-256."""
    checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
    if told not in (None, checksum):
        raise refused("BadDigest", operation)
    return checksum, etag_of(body)


def etag_of(body: bytes) -> str:
    return '"' + hashlib.md5(body, usedforsecurity=False).hexdigest() + '"'


def head_of(found: MemoryObject) -> Answer:
    return {
        "ContentLength": len(found.body),
        "ContentType": found.content_type,
        "ETag": found.etag,
        "LastModified": found.modified,
    }


def answer(**fields: Any) -> Answer:
    return {"ResponseMetadata": {"HTTPStatusCode": 200, "RetryAttempts": 0}} | fields


def refused(code: str, operation: str) -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": code},
        "ResponseMetadata": {"HTTPStatusCode": _STATUS[code], "RetryAttempts": 0},
    }
    return ClientError(response, operation)
