"""Certificates on their way from a local disk to S3: written to both, read from either, none lost when S3 fails."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from reference.certificates.flags import Flags
from reference.certificates.local import LocalStorage
from reference.certificates.metrics import Metrics
from reference.certificates.port import URL_EXPIRES_S, CertificateStorage, NoLink, Saved, StorageUnavailable
from reference.certificates.s3 import S3Storage

T = TypeVar("T")


class MigratingStorage:
    """A local disk, and S3 as far as the flags say. `flags` may be replaced at any time, from any thread.

    The local disk has every object that was ever acknowledged, so that switching the flags off rolls back at once.
    """

    def __init__(
        self, local: LocalStorage, s3: S3Storage, flags: Flags | None = None, metrics: Metrics | None = None
    ) -> None:
        """Begin with `flags`, by default all off: local only."""
        self.local, self.s3 = local, s3
        self.flags = flags or Flags()
        self.metrics = metrics or Metrics()

    def save(self, key: str, body: bytes, content_type: str) -> Saved:
        """Store on S3 where it is to be written, and always on the local disk. Raises where the disk refuses.

        The disk's copy is forced to the platter where it is the only one.
        """
        saved = self._write(key, body, content_type) if self.flags.dual_write else Saved(0, on_s3=False)
        try:
            self.local.save(key, body, content_type, durable=not saved.on_s3)
        except StorageUnavailable:
            self.metrics.count("save", "fail")
            raise
        self.metrics.count("save", "success")
        return saved

    def open(self, key: str) -> bytes:
        """Read the object, from S3 first where that is primary."""
        return self._read(lambda storage: storage.open(key))

    def exists(self, key: str) -> bool:
        """Tell whether the place that is read has the object; where S3 is primary, either."""
        if self.flags.read_primary:
            try:
                if self.s3.exists(key):
                    return True
            except StorageUnavailable:
                self.metrics.count("read", "fallback")
        return self.local.exists(key)

    def delete(self, key: str) -> None:
        """Remove the object from both places; with every S3 flag off, S3 is not touched.

        A failure of S3 is counted and leaves an orphan there, which the consistency check finds.
        """
        if self.flags.dual_write or self.flags.read_primary:
            try:
                self.s3.delete(key)
                self.metrics.count("delete", "success")
            except StorageUnavailable:
                self.metrics.count("delete", "fail")
        self.local.delete(key)

    def url(self, key: str, expires_s: int = URL_EXPIRES_S) -> str:
        """Return a presigned link where S3 is primary. Raises NoLink where it is not."""
        if not self.flags.read_primary:
            raise NoLink(f"{key} is read from the platform's own disk: download it through the platform")
        try:
            link = self.s3.url(key, expires_s)
        except Exception:
            self.metrics.count("url", "fail")
            raise
        self.metrics.count("url", "success")
        return link

    def size(self, key: str) -> int:
        """Return an object's length in bytes."""
        return self._read(lambda storage: storage.size(key))

    def created(self, key: str) -> datetime:
        """Return when an object was made."""
        return self._read(lambda storage: storage.created(key))

    def modified(self, key: str) -> datetime:
        """Return when an object was last written."""
        return self._read(lambda storage: storage.modified(key))

    def accessed(self, key: str) -> datetime:
        """Return when an object was last read, as far as the place knows."""
        return self._read(lambda storage: storage.accessed(key))

    def _write(self, key: str, body: bytes, content_type: str) -> Saved:
        """Store on S3; a failure there is counted, not raised: the disk still takes the write."""
        try:
            saved = self.s3.save(key, body, content_type)
        except StorageUnavailable as error:
            self.metrics.count("write", "fail")
            return Saved(error.retries, on_s3=False, asked_s3=True)
        self.metrics.count("write", "success")
        return replace(saved, asked_s3=True)

    def _read(self, ask: Callable[[CertificateStorage], T]) -> T:
        """Ask S3 first where that is primary, and the local disk where it is not or does not answer."""
        if self.flags.read_primary:
            try:
                found = ask(self.s3)
            except StorageUnavailable:
                self.metrics.count("read", "fallback")
            else:
                self.metrics.count("read", "success")
                return found
        return ask(self.local)
