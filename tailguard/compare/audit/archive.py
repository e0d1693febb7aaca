"""The file of an audit: a tar of plain files, packed by zstd, in the one form that we write.

The reader takes that form alone. So nothing that a tar may hold besides - links, devices, other owners, long headers -
ever has a meaning.
"""

import os
import re
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tarfile import BLOCKSIZE, NUL, TarInfo
from typing import BinaryIO

from tailguard.base.errors import InvalidRunError, UsageError
from tailguard.base.reading.regular_file import why_not_a_file
from tailguard.record.files import writing

# What a run of 20 million iterations takes, four times.
MOST_BYTES = 4 << 30
_AT_ONCE = 1 << 20
_BLANK = NUL * BLOCKSIZE
# What an audit may hold. A name that is none of these is never written to a disk.
_NAMES = re.compile(
    r"statement\.json|verify\.json"
    r"|run/(run\.json|(samples|live|answers)\.parquet|report\.html|run\.md|plans/[^/\0]+\.json|blocks/[^/\0]+\.parquet"
    r"|(segments|raw|beyond)/[0-9-]+\.parquet|terms/[0-9]+\.json)"
)
_KINDS = {tarfile.SYMTYPE: "a link", tarfile.LNKTYPE: "a link", tarfile.DIRTYPE: "a folder"}


class AuditError(InvalidRunError):
    """The file of an audit is not as it was written."""


class _Packed:
    """What a file holds, unpacked as it is read."""

    def __init__(self, file: BinaryIO) -> None:
        import pyarrow as pa  # noqa: PLC0415  # slow to import: only who unpacks waits for it

        self._stream = pa.CompressedInputStream(pa.PythonFile(file, "r"), "zstd")

    def read(self, size: int) -> bytes:
        """Return at most `size` bytes, none at the end. Raises AuditError if the file is damaged."""
        try:
            content: bytes = self._stream.read(size)
        except OSError as error:
            raise AuditError(f"it is not packed by zstd, or damaged ({error})") from error
        return content


@dataclass(frozen=True, slots=True)
class Member:
    """A file of an audit: its name there, its size in bytes and, to be read before the next member, its content."""

    name: str
    size: int
    content: Iterator[bytes]


def write_archive(path: Path, files: Mapping[str, Path | bytes]) -> None:
    """Write the files, by name, in their order. Raises UsageError if one cannot be read or `path` not be written."""
    import pyarrow as pa  # noqa: PLC0415  # slow to import: only who packs waits for it

    # The packed stream closes what it writes to, and `writing` still needs its own.
    with (
        writing(path) as file,
        os.fdopen(os.dup(file.fileno()), "wb") as twin,
        pa.CompressedOutputStream(pa.PythonFile(twin), "zstd") as packed,
    ):
        for name, content in files.items():
            _write_member(packed, name, content)
        packed.write(_BLANK * 2)


def _write_member(packed: BinaryIO, name: str, content: Path | bytes) -> None:
    size = len(content) if isinstance(content, bytes) else content.stat().st_size
    packed.write(_header(name, size))
    packed.writelines([content] if isinstance(content, bytes) else _chunks_of(content))
    packed.write(NUL * (-size % BLOCKSIZE))


def _chunks_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_AT_ONCE):
            yield chunk


def _header(name: str, size: int) -> bytes:
    """The time is 1970 and the owner nobody, so that the same run gives the same bytes."""
    info = TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.USTAR_FORMAT, "utf-8", "strict")


@contextmanager
def opened(path: Path) -> Iterator[Iterator[Member]]:
    """Open an audit to read its members, in order. Raises UsageError without one."""
    try:
        if why := why_not_a_file(path):
            raise UsageError(f"Cannot read {path}: {why}.")
        file = path.open("rb")
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror}.") from error
    with file:
        yield _members(_Packed(file))


def _members(packed: _Packed) -> Iterator[Member]:
    names: set[str] = set()
    left = MOST_BYTES
    while (header := _exactly(packed, BLOCKSIZE)) != _BLANK:
        name, size = _read_header(header)
        left -= size
        if left < 0:
            raise AuditError(f"its files take more than {MOST_BYTES >> 30} GiB")
        if name in names:
            raise AuditError(f"it holds {name} twice")
        names.add(name)
        content = _content(packed, size)
        yield Member(name, size, content)
        for _ in content:  # what nobody read
            pass
        if _exactly(packed, -size % BLOCKSIZE).strip(NUL):
            raise AuditError(f"there is something between {name} and the next file")
    if _exactly(packed, BLOCKSIZE) != _BLANK or packed.read(1):
        raise AuditError("there is something after its last file")


def _read_header(header: bytes) -> tuple[str, int]:
    try:
        info = TarInfo.frombuf(header, "utf-8", "strict")
    except (tarfile.HeaderError, UnicodeDecodeError) as error:
        raise AuditError("what it holds is not a tar, or damaged") from error
    if not info.isreg():
        raise AuditError(f"{info.name!r} in it is {_KINDS.get(info.type, 'not a plain file')}")
    inside = PurePosixPath(info.name)
    if inside.is_absolute() or ".." in inside.parts:
        raise AuditError(f"the path of {info.name!r} leaves the folder of the run")
    if not _NAMES.fullmatch(info.name):
        raise AuditError(f"{info.name!r} does not belong in an audit")
    if header != _header(info.name, info.size):
        raise AuditError(f"{info.name} has an owner, a time or a mode; we write none")
    return info.name, info.size


def _content(packed: _Packed, size: int) -> Iterator[bytes]:
    while size:
        chunk = packed.read(min(size, _AT_ONCE))
        if not chunk:
            raise AuditError("it ends too early")
        size -= len(chunk)
        yield chunk


def _exactly(packed: _Packed, size: int) -> bytes:
    return b"".join(_content(packed, size))
