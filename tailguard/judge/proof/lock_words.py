"""What a lock keeps others from, in the words that every part of Tailguard uses for it.

https://www.postgresql.org/docs/current/explicit-locking.html: reads take AccessShareLock, writes RowExclusiveLock.
"""

from collections.abc import Mapping, Sequence

from tailguard.record.ddl import HeldLock

# From the strongest down. What is not here keeps neither reads nor writes waiting.
BLOCKS: Mapping[str, str] = {
    "AccessExclusiveLock": "reads and writes",
    "ExclusiveLock": "writes",
    "ShareRowExclusiveLock": "writes",
    "ShareLock": "writes",
}
WEAKER = (
    "ShareUpdateExclusiveLock",
    "RowExclusiveLock",
    "RowShareLock",
    "AccessShareLock",
)
STRENGTH = {mode: len(BLOCKS) + len(WEAKER) - at for at, mode in enumerate([*BLOCKS, *WEAKER])}
SAFE = "safe way: "  # how the names of verdicts about the safe way begin
ROWS = "rows"  # in place of a mode: PostgreSQL keeps locks of rows in the rows


def blocked_by(mode: str) -> str:
    """Say what a lock mode blocks: "reads and writes", "writes", or "" for neither."""
    return BLOCKS.get(mode, "")


def strongest(locks: Sequence[HeldLock]) -> dict[str, str]:
    """Return the strongest mode on each relation, the strongest relation first."""
    found: dict[str, str] = {}
    for lock in sorted(locks, key=lambda each: -STRENGTH.get(each.mode, 0)):
        found.setdefault(lock.relation, lock.mode)
    return found


def blocking(what: str, *, grows: bool) -> str:
    """Say what is blocked, and whether that lasts longer, the larger the table is."""
    return f"blocks {what} {'for as long as it works' if grows else 'for a moment'}"
