"""Files that a user names: a pipe or a device never ends, so it is refused before it is read."""

import stat
from pathlib import Path

from tailguard.base.errors import UsageError


def why_not_a_file(path: Path) -> str:
    """Say why it must not be read, "" if it is a regular file. Raises OSError if there is nothing."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        return "it is a folder; name one file in it"
    if not stat.S_ISREG(mode):
        return "it is a pipe or a device, which may never end; save it in a file and name that"
    return ""


def read_text(path: Path) -> str:
    """Return the text of a regular file. Raises UsageError if it is none, else as Path.read_text does."""
    if why := why_not_a_file(path):
        raise UsageError(f"{path} cannot be read: {why}.")
    return path.read_text(encoding="utf-8")
