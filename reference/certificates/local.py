"""Certificates on a local disk: each a file below one folder, whole or not there at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from reference.certificates.port import URL_EXPIRES_S, NoLink, ObjectMissing, Saved, StorageUnavailable

_PART = ".part"


class LocalStorage:
    """One folder. Keys are relative paths with "/" between their parts."""

    def __init__(self, root: Path) -> None:
        """Keep files below `root`, which is made where it is missing."""
        self._root = root

    def save(self, key: str, body: bytes, content_type: str = "", *, durable: bool = True) -> Saved:
        """Write the file beside its place, then move it there: a kill leaves the old one or the new one.

        `durable` forces it to the disk before this returns; only the sole copy of an object needs that.
        """
        path = self._path(key)
        try:
            self._write(path, body, durable=durable)
        except OSError as error:
            raise _unavailable("store", key, error) from error
        return Saved(0, on_s3=False)

    def open(self, key: str) -> bytes:
        """Read the file whole."""
        try:
            return self._path(key).read_bytes()
        except OSError as error:
            raise _unavailable("read", key, error) from error

    def exists(self, key: str) -> bool:
        return self._path(key).is_file()

    def delete(self, key: str) -> None:
        """Remove the file."""
        try:
            self._path(key).unlink(missing_ok=True)
        except OSError as error:
            raise _unavailable("delete", key, error) from error

    def url(self, key: str, expires_s: int = URL_EXPIRES_S) -> str:
        """Raise NoLink: a disk has no link of its own."""
        raise NoLink(f"{key} is on the platform's own disk: download it through the platform")

    def size(self, key: str) -> int:
        """Return the file's length in bytes."""
        return self._stat(key).st_size

    def created(self, key: str) -> datetime:
        """Return the file's birth; its last change where the system keeps none."""
        stat = self._stat(key)
        return _utc(getattr(stat, "st_birthtime", stat.st_ctime))

    def modified(self, key: str) -> datetime:
        """Return when the file was last written."""
        return _utc(self._stat(key).st_mtime)

    def accessed(self, key: str) -> datetime:
        """Return when the file was last read, as exactly as the file system is mounted to know."""
        return _utc(self._stat(key).st_atime)

    def keys(self) -> Iterator[str]:
        """Yield the key of each object, in no order."""
        for folder, _, names in os.walk(self._root):
            for name in names:
                if not name.endswith(_PART):
                    yield (Path(folder) / name).relative_to(self._root).as_posix()

    def _write(self, path: Path, body: bytes, *, durable: bool) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(suffix=_PART, dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(body)
                if durable:
                    file.flush()
                    os.fsync(handle)
            os.replace(name, path)  # noqa: PTH105 - a name, not a path: this is the hot path
            if durable:
                _sync_folder(path.parent)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise

    def _stat(self, key: str) -> os.stat_result:
        try:
            return self._path(key).stat()
        except OSError as error:
            raise _unavailable("read", key, error) from error

    def _path(self, key: str) -> Path:
        parts = PurePosixPath(key).parts
        if not parts or key.startswith("/") or ".." in parts or "\0" in key:
            raise ValueError(f"{key!r} is not a key: it would leave the storage's folder")
        return self._root.joinpath(*parts)


def _sync_folder(folder: Path) -> None:
    """Force the file's name, too, to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _utc(stamp_s: float) -> datetime:
    return datetime.fromtimestamp(stamp_s, UTC)


def _unavailable(verb: str, key: str, error: OSError) -> StorageUnavailable:
    """Name the object and the kind of failure, not the folder: the text may reach a user."""
    kind = ObjectMissing if isinstance(error, FileNotFoundError | NotADirectoryError) else StorageUnavailable
    return kind(f"could not {verb} the object {key}: {error.strerror}")
