"""A file as bytes of UTF-8 text: a regular one, unpacked and decoded."""

import codecs
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pyarrow as pa

from tailguard.base.errors import UsageError

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
# What a packed file may unpack to: ten times the largest file of samples seen, and far below what fills a machine.
MOST_BYTES = 8 << 30
_CHUNK = 1 << 20
# In this many bytes, text in a national code page has few that are not ASCII.
_HEAD = 1 << 10
# Tells zlib that gzip's header precedes the data.
_GZIP_WINDOW = 31


def read_bytes(path: Path) -> tuple[bytes, tuple[str, ...]]:
    """Return the content, unpacked if it is gzip or zstd, and notes about it."""
    with path.open("rb") as file:
        magic = file.read(4)
    if magic.startswith(_GZIP):
        with path.open("rb") as packed:
            return _unpacked(_gunzipped(packed))
    if magic == _ZSTD:
        with pa.CompressedInputStream(pa.OSFile(str(path)), "zstd") as packed:
            return _unpacked(iter(lambda: packed.read(_CHUNK), b""))
    return path.read_bytes(), ()


def decoded(content: bytes) -> bytes:
    """Return text as UTF-8 without a byte order mark. Raises UsageError with the line that is none."""
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            if mark == codecs.BOM_UTF8:
                return _checked(content[len(mark) :])
            try:
                return content.decode(encoding).encode()
            except UnicodeError as error:
                raise UsageError(f"it begins as UTF-16 but is not: {error}; save it as UTF-8") from None
    return _checked(content)


def _checked(content: bytes) -> bytes:
    if content.isascii():
        return content
    decoder = codecs.getincrementaldecoder("utf-8")()
    for at in range(0, len(content), _CHUNK):
        try:
            decoder.decode(content[at : at + _CHUNK], final=at + _CHUNK >= len(content))
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, at + error.start) + 1
            head = content[:_HEAD]
            if b"\0" in head or sum(byte > 0x7F for byte in head) > len(head) // 3:  # noqa: PLR2004  # not ASCII
                raise UsageError("it is neither a known format nor text") from None
            raise UsageError(f"line {line} is not UTF-8; save the file as UTF-8") from None
    return content


def _unpacked(chunks: Iterator[bytes]) -> tuple[bytes, tuple[str, ...]]:
    parts: list[bytes] = []
    size = 0
    notes: tuple[str, ...] = ()
    try:
        for part in chunks:
            parts.append(part)
            size += len(part)
            if size > MOST_BYTES:
                raise UsageError(f"it unpacks to more than {MOST_BYTES >> 30} GiB; give a part of it")
    except EOFError:  # the tool was killed while it wrote
        notes = ("the packed file ends in its midst: what comes before is judged",)
    except (OSError, zlib.error, pa.ArrowException) as error:
        raise UsageError(f"it is packed, but cannot be unpacked: {error}") from None
    return b"".join(parts), notes


def _gunzipped(packed: IO[bytes]) -> Iterator[bytes]:
    """Unpack by hand: the gzip module keeps back what it has when a file is cut off."""
    unpacker, begun = zlib.decompressobj(_GZIP_WINDOW), False
    while data := packed.read(_CHUNK):
        while data:
            begun = True
            yield unpacker.decompress(data, _CHUNK)
            data = unpacker.unconsumed_tail
            if unpacker.eof:  # one packed file may follow another
                data, begun = unpacker.unused_data, False
                unpacker = zlib.decompressobj(_GZIP_WINDOW)
    if begun:
        yield unpacker.flush()
        if not unpacker.eof:
            raise EOFError
