"""What certificates need of a place that keeps their bytes, and the errors that such a place raises."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from reference.errors import Unavailable

# As long as the platform's links: long enough to click on, too short to pass on.
URL_EXPIRES_S = 900


@dataclass(frozen=True, slots=True)
class Saved:
    """How an object was stored: after how many retries, and whether S3 has it with a verified checksum.

    `asked_s3`: whether S3 was to have it beside a disk.
    """

    retries: int
    on_s3: bool
    asked_s3: bool = False


class StorageUnavailable(Unavailable):
    """The storage did not do it within its bounded retries."""

    code = "STORAGE_UNAVAILABLE"


class ObjectMissing(StorageUnavailable):
    """The storage answered, and holds no such object."""

    code = "OBJECT_MISSING"


class ObjectArchived(StorageUnavailable):
    """The storage has the object in its archive: it can be read once somebody has asked for it to be restored."""

    code = "OBJECT_ARCHIVED"


class NoLink(Unavailable):
    """There is no link that reads the object without the platform: download it through the platform."""

    code = "NO_LINK"


class CertificateStorage(Protocol):
    """Keeps objects under keys. Raises ObjectMissing, and StorageUnavailable for all other failures."""

    def save(self, key: str, body: bytes, content_type: str) -> Saved:
        """Store an object, also over another one."""
        ...

    def open(self, key: str) -> bytes:
        """Return an object's bytes."""
        ...

    def exists(self, key: str) -> bool:
        """Tell whether there is such an object."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; a missing one is not an error."""
        ...

    def url(self, key: str, expires_s: int = URL_EXPIRES_S) -> str:
        """Return a link that reads the object without credentials until it expires. Raises NoLink."""
        ...

    def size(self, key: str) -> int:
        """Return an object's length in bytes."""
        ...

    def created(self, key: str) -> datetime:
        """Return when an object was made, in UTC; when it was last written, where the place does not know."""
        ...

    def modified(self, key: str) -> datetime:
        """Return when an object was last written, in UTC."""
        ...

    def accessed(self, key: str) -> datetime:
        """Return when an object was last read, in UTC; when it was last written, where the place does not know."""
        ...
