"""Files that a user names: a pipe or a device never ends, so it is refused before it is read."""

import stat
from pathlib import Path

from tailguard.base.errors import UsageError

# A hundred times the largest text that somebody wrote by hand: more is a file of samples, named by mistake.
MOST_BYTES = 4 << 20


def why_not_a_file(path: Path) -> str:
    """Say why it must not be read, "" if it is a regular file. Raises OSError if there is nothing."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        return "it is a folder; name one file in it"
    if not stat.S_ISREG(mode):
        return "it is a pipe or a device, which may never end; save it in a file and name that"
    return ""


def read_bounded(path: Path, most: int = MOST_BYTES) -> bytes:
    """Return the bytes of a regular file of at most `most` bytes. Raises UsageError naming it if it cannot be read."""
    try:
        if why := why_not_a_file(path):
            raise UsageError(f"Cannot read {path}: {why}.")
        with path.open("rb") as file:  # the size that the system tells may be 0, as below /proc
            content = file.read(most + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"Cannot read {path}: {reason}.") from error
    if len(content) > most:
        raise UsageError(f"Cannot read {path}: it has more than {most >> 20} MiB.")
    return content


def read_text(path: Path, most: int = MOST_BYTES) -> str:
    """Return the text of a regular file of at most `most` bytes, without a byte order mark. Raises UsageError."""
    content = read_bounded(path, most)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageError(
            f"{path}, line {line}: it is not UTF-8 text ({error.reason}); save it as UTF-8."
        ) from error
