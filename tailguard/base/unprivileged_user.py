"""The account a server runs as: ours, or an unprivileged one if we are root (PostgreSQL refuses root)."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tailguard.base.errors import UsageError

# In the order of preference. A bare numeric id will not do: initdb looks its user up in the passwd database.
_NAMES = ("nobody", "daemon")


@dataclass(frozen=True, slots=True)
class UnprivilegedUser:
    """A user of this machine, to whom a child process is dropped."""

    name: str
    uid: int
    gid: int

    def popen_options(self) -> dict[str, Any]:
        """Return the options of `subprocess.Popen` that drop to this account, its extra groups included."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can_reach(self, path: Path) -> bool:
        """Tell whether this account may read `path` (and enter it, for a folder), from the root down."""
        resolved = path.resolve()
        if not resolved.exists():
            return False
        wanted = stat.S_IROTH | (stat.S_IXOTH if resolved.is_dir() else 0)
        return self._has(resolved, wanted) and all(self._has(up, stat.S_IXOTH) for up in resolved.parents)

    def _has(self, path: Path, wanted: int) -> bool:
        """Check the bits `wanted`, written as those of others, against the class that applies to us."""
        status = path.stat()
        if status.st_uid == self.uid:
            wanted <<= 6
        elif status.st_gid == self.gid:
            wanted <<= 3
        return status.st_mode & wanted == wanted


def find_unprivileged_user() -> UnprivilegedUser | None:
    """Return the account to drop to if we are root, None if we are not and need none.

    Raises UsageError if root finds no such account.
    """
    if os.geteuid() != 0:
        return None
    for name in _NAMES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return UnprivilegedUser(name, entry.pw_uid, entry.pw_gid)
    raise UsageError(
        f"PostgreSQL refuses to run as root, and this machine has none of the users {', '.join(_NAMES)}: "
        "start as an ordinary user, or give --dsn of a running server"
    )
