"""A body of several parts, as a form with files is sent (RFC 7578)."""

import mimetypes
from collections.abc import Mapping

from tailguard.http.declared.format import FilePart
from tailguard.http.template import Values, fill_text

Parts = Mapping[str, str | FilePart]


def encoded(parts: Parts, values: Values, files: Mapping[str, bytes], boundary: str) -> bytes:
    """Return the body: texts with their places filled, and files, whose contents are given by their names."""
    lines: list[bytes] = []
    for name, part in parts.items():
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"'
        if isinstance(part, FilePart):
            kind = part.type or type_of(part.file)
            head += f'; filename="{_quoted(part.file.rpartition("/")[2])}"\r\nContent-Type: {kind}'
        content = files[part.file] if isinstance(part, FilePart) else fill_text(part, values).encode()
        lines += [f"{head}\r\n".encode(), content]
    return b"\r\n".join([*lines, f"--{boundary}--\r\n".encode()])


def type_of(file: str) -> str:
    """Return the media type that a file's ending tells."""
    return mimetypes.guess_type(file)[0] or "application/octet-stream"


def _quoted(name: str) -> str:
    """Return a name as browsers write it between quotes."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
