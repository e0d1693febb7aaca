"""Where the time went: each slice's statements are its scenario's, for scenarios take turns and never overlap.

The first slice of a scenario holds its warm-up, whose turns are no samples: it is left out on both sides, so that
statements and samples are of the very same turns.

What remains of the clients' time is theirs and the application's, with the network, planning, and what a commit waits
for: the server counts no commit of a prepared or implicit transaction.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import psycopg

from tailguard.base.secrets import mask
from tailguard.engine.measure import Progress
from tailguard.engine.workload import Workload
from tailguard.postgres.database import Database
from tailguard.postgres.statements import (
    Counts,
    Reading,
    Statements,
    StatementsAbsentError,
    StatementsRejectedError,
)
from tailguard.record.samples import Samples

MOST_STATEMENTS = 12  # of a scenario that are told by name; the rest are one line
LONGEST_TEXT = 2000  # characters
MEASURED, ABSENT, REJECTED = "measured", "absent", "rejected"


@dataclass(slots=True)
class Account:
    """What one scenario's slices have cost so far."""

    warm: bool  # the next slice begins with a warm-up
    skipped: int = 0  # samples of the slice that is left out
    skipped_ms: float = 0.0
    turns: int = 0
    client_ms: float = 0.0
    counts: dict[int, Counts] = field(default_factory=dict)

    def add(self, grown: dict[int, Counts]) -> None:
        """Take a slice's statements in."""
        for key, counts in grown.items():
            self.counts[key] = self.counts.get(key, Counts()) + counts


class Attribution:
    """Hears of each slice's end (`after_slice`) and tells each scenario's account (`record`)."""

    def __init__(self, statements: Statements | None, workloads: Sequence[Workload], why: str = "") -> None:
        self._statements = statements
        self._why = why
        self._state = MEASURED if statements is not None else ABSENT
        self._accounts = {workload.scenario.slug: Account(workload.load.warmup > 0) for workload in workloads}
        self._last: Reading | None = None if statements is None else statements.read()

    def after_slice(self, progress: Progress) -> None:
        """Book what the server did since the last slice ended; nothing else ran meanwhile."""
        if self._statements is None or self._last is None or self._state != MEASURED:
            return
        account = self._accounts[progress.slug]
        try:
            now = self._statements.read()
            grown = now.since(self._last)
        except (StatementsRejectedError, psycopg.Error) as error:
            self._state, self._why = REJECTED, str(error).strip()
            return
        self._last = now
        served_ms = _service_ms(progress.samples)
        if account.warm:
            account.warm, account.skipped, account.skipped_ms = (
                False,
                len(progress.samples.ended_ns),
                served_ms,
            )
            return
        account.add(grown)
        account.turns = len(progress.samples.ended_ns) - account.skipped
        account.client_ms = served_ms - account.skipped_ms

    def record(self, slug: str) -> dict[str, Any]:
        """Return a scenario's `database` as run.json has it: times in ms, summed over all clients."""
        account = self._accounts[slug]
        if self._state != MEASURED or self._statements is None:
            return {"state": self._state, "why": self._why}
        try:
            texts = self._statements.texts(account.counts)
        except psycopg.Error as error:
            return {"state": REJECTED, "why": str(error).strip()}
        ours = {key: counts for key, counts in account.counts.items() if key in texts}
        if not ours:
            return {"state": ABSENT, "why": _why_nothing(account)}
        costly = sorted(ours, key=lambda key: ours[key].exec_ms, reverse=True)
        listed = [{"text": mask(texts[key])[:LONGEST_TEXT]} | asdict(ours[key]) for key in costly]
        server_ms = sum(counts.exec_ms for counts in ours.values())
        rest = sum((ours[key] for key in costly[MOST_STATEMENTS:]), Counts())
        return {
            "state": MEASURED,
            "why": "",
            "samples": account.turns,
            "service_ms": account.client_ms,
            "server_ms": server_ms,
            # Statements outside of the timed steps count for the server alone: then there is no remainder to tell.
            "remainder_ms": account.client_ms - server_ms if account.client_ms >= server_ms else None,
            "statements": listed[:MOST_STATEMENTS],
            "others": None if len(costly) <= MOST_STATEMENTS else asdict(rest),
        }


@contextmanager
def attributed(database: Database, workloads: Sequence[Workload]) -> Iterator[Attribution]:
    """Open an attribution of the database's statements; where the server does not count them, it says why."""
    with database.connect(application_name="tailguard statements") as connection:
        try:
            statements = Statements(connection, create=database.source != "yours")
        except StatementsAbsentError as error:
            yield Attribution(None, workloads, str(error))
            return
        yield Attribution(statements, workloads)


def _service_ms(samples: Samples) -> float:
    return float((samples.ended_ns - samples.started_ns).sum() / 1e6)


def _why_nothing(account: Account) -> str:
    if not account.turns:
        return "all was measured within the first slice, which holds the warm-up too"
    return "no statement reached this database: the platform works with another one, or as another user"
