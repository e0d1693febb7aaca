"""How far a canary is, in one table that its workers look at; and which workers there are."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from reference.certificates.alone import alone
from reference.database import Database
from reference.errors import Conflict

# A tenth of the workers, as the platform's own roll-out plan has it.
SHARE = 0.1
# A worker asks every second: one that was silent for so long has ended.
ALIVE_S = 30

_LATEST = (
    "SELECT id, phase, share, begun_at FROM tournament_engine_certificate_canary ORDER BY id DESC LIMIT 1"
)
_SINCE = """
SELECT max(begun_at) FILTER (WHERE phase = 'observing'), max(begun_at) FILTER (WHERE phase = 'writing'),
       max(begun_at) FILTER (WHERE phase IN ('promoted', 'rolled_back'))
FROM tournament_engine_certificate_canary
"""
_MOVE = "INSERT INTO tournament_engine_certificate_canary (phase, share) VALUES ($1, $2)"
_FOLLOW = """
INSERT INTO tournament_engine_certificate_worker (name, follows, seen_at) VALUES ($1, $2, clock_timestamp())
ON CONFLICT (name) DO UPDATE SET follows = excluded.follows, seen_at = excluded.seen_at
"""
_ALIVE = f"""
SELECT name, follows FROM tournament_engine_certificate_worker
WHERE seen_at > clock_timestamp() - interval '{ALIVE_S} s' ORDER BY name
"""


class Phase(StrEnum):
    """How far a canary is. While it observes, nobody writes to S3: that shows how its groups differ by themselves."""

    NONE = "not_formed"
    OBSERVING = "observing"
    WRITING = "writing"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"


_BEFORE = {
    Phase.OBSERVING: (Phase.NONE, Phase.PROMOTED, Phase.ROLLED_BACK),
    Phase.WRITING: (Phase.OBSERVING,),
    Phase.PROMOTED: (Phase.WRITING,),
    Phase.ROLLED_BACK: (Phase.OBSERVING, Phase.WRITING, Phase.PROMOTED),
}


def in_canary(worker: str, share: float) -> bool:
    """Tell whether a worker belongs to the canary: by its name alone, so that a restart changes nothing.

    A greater share has the workers of a smaller one, too.
    """
    return least_share(worker) < share


def least_share(worker: str) -> float:
    """Return the share above which a worker belongs to the canary."""
    return int.from_bytes(hashlib.sha256(worker.encode()).digest()[:8], "big") / 2**64


@dataclass(frozen=True, slots=True)
class CanaryState:
    """The row that holds; `number` 0 stands for none."""

    number: int = 0
    phase: Phase = Phase.NONE
    share: float = SHARE
    begun_at: datetime | None = None

    def writes(self, worker: str) -> bool:
        """Tell whether a worker is to write to S3 beside its disk."""
        return self.phase is Phase.PROMOTED or (self.phase is Phase.WRITING and in_canary(worker, self.share))


@dataclass(frozen=True, slots=True)
class Times:
    """When the newest canary began to observe, to write, and when it ended; None for what has not been."""

    observing: datetime | None
    writing: datetime | None
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class CanaryControl:
    """The canary of a database's certificates."""

    database: Database

    def state(self) -> CanaryState:
        with self.database.connection() as connection:
            row = connection.row(_LATEST)
        return CanaryState(row[0], Phase(row[1]), row[2], row[3]) if row else CanaryState()

    def times(self) -> Times:
        """Return the times of the newest canary; those of an earlier one are left out."""
        with self.database.connection() as connection:
            row = connection.row(_SINCE)
        observing, writing, ended = row or (None, None, None)
        if observing is None or (writing is not None and writing < observing):
            return Times(observing, None, None)
        return Times(observing, writing, ended if writing and ended and ended > writing else None)

    def move(self, phase: Phase, share: float | None = None) -> CanaryState:
        """Begin a phase, with the share of the one before unless it is told. Raises Conflict if it may not come now."""
        with alone(self.database, "canary"):
            now = self.state()
            if now.phase not in _BEFORE[phase]:
                expected = " or ".join(_BEFORE[phase]).replace("_", " ")
                found, asked = (each.replace("_", " ") for each in (now.phase, phase))
                raise Conflict(
                    f"the canary is {found}; it must be {expected} before it is {asked}",
                    code=f"CANARY_{now.phase.upper()}",
                )
            with self.database.connection() as connection:
                connection.run(_MOVE, phase.value, now.share if share is None else share)
            return self.state()

    def follow(self, worker: str, number: int) -> None:
        """Say that a worker is there, and which state it acts on."""
        with self.database.connection() as connection:
            connection.run(_FOLLOW, worker, number)

    def workers(self) -> Sequence[tuple[str, int]]:
        """Return the workers that are alive, and the number of the state that each acts on."""
        with self.database.connection() as connection:
            return [(row[0], row[1]) for row in connection.run(_ALIVE)]
