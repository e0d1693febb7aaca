"""The headers of an answer, read when somebody asks for one: most answers are never asked."""

import zlib
from collections.abc import Iterator, Mapping
from functools import cached_property

_END = b"\r\n\r\n"
# What a body may grow to when it is unpacked: a small answer must not fill the memory.
MOST_UNPACKED_BYTES = 64 << 20


class Headers(Mapping[str, str]):
    """Headers by their names, in whatever case. Values are latin-1, as everywhere in HTTP/1.1."""

    def __init__(self, raw: bytes) -> None:
        """`raw` is all that came up to the end of the headers; interim answers (1xx) may stand before them."""
        self._raw = raw

    def __getitem__(self, name: str) -> str:
        return self._found[name.lower()][0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def get_all(self, name: str) -> list[str]:
        """Return all values of a header that may come several times."""
        return self._found.get(name.lower(), [])

    @cached_property
    def _found(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for line in final_head(self._raw).decode("latin-1").split("\r\n")[1:]:
            name, _, value = line.partition(":")
            if name:
                found.setdefault(name.strip().lower(), []).append(value.strip())
        return found


def final_head(raw: bytes) -> bytes:
    """Return status line and headers of the answer, without those of interim ones before it and what follows."""
    head, _, rest = raw.partition(_END)
    while head[9:10] == b"1":
        head, _, rest = rest.partition(_END)
    return head


def has_line(name: bytes, raw: bytes) -> bool:
    """Whether an answer may have a header, named in lower case; `raw` is as for `Headers`."""
    return b"\n%s:" % name in raw.lower()


class UnreadableBodyError(Exception):
    """A packed body cannot be unpacked."""


def unpacked(content: bytes, encoding: str) -> bytes:
    """Return a body without its Content-Encoding, gzip or deflate; of any other, the body as it is.

    Raises UnreadableBodyError for one that is damaged, or too large.
    """
    for each in reversed([name.strip().lower() for name in encoding.split(",")]):
        if each in ("gzip", "x-gzip"):
            content = _inflated(content, zlib.MAX_WBITS | 16)
        elif each == "deflate":
            content = _inflated(content, zlib.MAX_WBITS if _has_zlib_head(content) else -zlib.MAX_WBITS)
        else:
            break
    return content


def _has_zlib_head(content: bytes) -> bool:
    """Whether it begins as RFC 1950 says; some servers send deflate without that."""
    return content[:1] == b"\x78" and not int.from_bytes(content[:2]) % 31


def _inflated(content: bytes, window_bits: int) -> bytes:
    packed = zlib.decompressobj(window_bits)
    try:
        found = packed.decompress(content, MOST_UNPACKED_BYTES)
    except zlib.error as error:
        raise UnreadableBodyError(f"the packed body cannot be read: {error}") from None
    if packed.unconsumed_tail:
        raise UnreadableBodyError(f"the packed body has more than {MOST_UNPACKED_BYTES >> 20} MiB")
    if not packed.eof:
        raise UnreadableBodyError("the packed body has no end")
    return found
