"""Standard output and error that never end the work: a reader that has left, a full disk, a terminal of few letters."""

import errno
import io
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from tailguard.base.output.escaping import for_terminal

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _Patient(io.FileIO):
    """Writes to a descriptor; what cannot be written is dropped, and the first reason kept."""

    failure: OSError | None = None

    def write(self, data: "ReadableBuffer", /) -> int:
        try:
            return super().write(data) or 0
        except OSError as error:
            self.failure = self.failure or error
            return len(memoryview(data))


class Streams:
    """Takes the place of sys.stdout and sys.stderr, for good."""

    def __init__(self) -> None:
        self._raw: dict[str, _Patient] = {}

    def install(self) -> None:
        """Begin to be patient. A stream that is closed stays so."""
        for name, descriptor in (("stdout", 1), ("stderr", 2)):
            before: TextIO | None = getattr(sys, name)
            if before is None:
                continue
            with suppress(OSError):
                before.flush()
            raw = self._raw[name] = _Patient(descriptor, "wb", closefd=False)
            stream = io.TextIOWrapper(
                io.BufferedWriter(raw),
                encoding=before.encoding,
                errors="replace",
                line_buffering=name == "stderr" or os.isatty(descriptor),
            )
            setattr(sys, name, stream)

    def lost(self) -> str | None:
        """Write out what is buffered; return why standard output took not all, None if it did or nobody reads it."""
        for name in self._raw:
            getattr(sys, name).flush()
        failure = self._raw["stdout"].failure if "stdout" in self._raw else None
        if failure is None or failure.errno == errno.EPIPE:
            return None
        return failure.strerror


def say(*lines: str, err: bool = False) -> None:
    """Print each text on a line of its own, on standard output or error; what its reader would obey is shown instead.

    All that a command prints goes through here: a name or a server's message may hold anything.
    """
    text = "\n".join(map(for_terminal, lines))
    print(text, file=sys.stderr if err else sys.stdout, flush=True)  # the one place
