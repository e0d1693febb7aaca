"""A body of several parts, as a form with files is sent (RFC 7578)."""

import mimetypes
from collections.abc import Mapping
from pathlib import Path

from tailguard.base.reading.regular_file import read_bounded
from tailguard.http.declared.format import FilePart
from tailguard.http.declared.request.pattern import Slot, as_it_is, parts_of

MOST_BODY_BYTES = 64 << 20


def multipart_parts(parts: Mapping[str, str | FilePart], folder: Path, boundary: str) -> list[bytes | Slot]:
    """Return the body's parts: texts, and files of the folder. Raises UsageError for one that cannot be read."""
    found: list[bytes | Slot] = []
    for name, part in parts.items():
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"'
        if isinstance(part, FilePart):
            kind = part.type or type_of(part.file)
            head += f'; filename="{_quoted(part.file.rpartition("/")[2])}"\r\nContent-Type: {kind}'
        found.append(f"{head}\r\n\r\n".encode())
        found += [read_body(folder / part.file)] if isinstance(part, FilePart) else parts_of(part, as_it_is)
        found.append(b"\r\n")
    return [*found, f"--{boundary}--\r\n".encode()]


def read_body(file: Path) -> bytes:
    """Return what a file holds. Raises UsageError for one that cannot be read."""
    return read_bounded(file, MOST_BODY_BYTES)


def type_of(file: str) -> str:
    """Return the media type that a file's ending tells."""
    return mimetypes.guess_type(file)[0] or "application/octet-stream"


def _quoted(name: str) -> str:
    """Return a name as browsers write it between quotes."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
