"""Where the time went: each slice's statements are its scenario's, for scenarios take turns and never overlap.

The first slice of a scenario holds its warm-up, whose iterations are not samples: it is left out on both sides, so that
statements and samples are of the very same iterations.

What remains of the clients' time is theirs and the application's, with the network, planning, and what a commit waits
for: the server counts no commit of a prepared or implicit transaction.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from tailguard.base.secrets import mask
from tailguard.engine.measure import Progress
from tailguard.engine.workload import Workload
from tailguard.postgres.database import Database
from tailguard.postgres.location import ANSWER_WITHIN_S
from tailguard.postgres.statements import Statements, StatementsAbsentError, StatementsRejectedError
from tailguard.record.samples import Samples
from tailguard.record.scenario import (
    DatabaseTime,
    ServerTime,
    ServerTimeAbsent,
    ServerTimeRejected,
    Statement,
    StatementCosts,
)

MOST_STATEMENTS = 12  # of a scenario that are listed by name; the rest are one line
LONGEST_TEXT = 2000  # characters


@dataclass(slots=True)
class ScenarioCosts:
    """What one scenario's slices have cost so far."""

    warm: bool  # the next slice begins with a warm-up
    skipped: int = 0  # samples of the slice that is left out
    skipped_ms: float = 0.0
    samples: int = 0
    client_ms: float = 0.0
    costs: dict[int, StatementCosts] = field(default_factory=dict)

    def add(self, grown: Mapping[int, StatementCosts], samples: Samples) -> None:
        """Take in what the statements cost in a slice; `samples` are all so far."""
        served_ms = _service_ms(samples)
        if self.warm:
            self.warm, self.skipped, self.skipped_ms = False, len(samples), served_ms
            return
        for key, costs in grown.items():
            self.costs[key] = self.costs.get(key, StatementCosts()) + costs
        self.samples = len(samples) - self.skipped
        self.client_ms = served_ms - self.skipped_ms


class Attribution:
    """Hears of each slice's end (`after_slice`) and tells where the server's time went in each scenario."""

    def __init__(self, statements: Statements | None, workloads: Sequence[Workload], why: str = "") -> None:
        """`why` says why there are no `statements`."""
        self._statements = statements
        self._missing: ServerTimeAbsent | ServerTimeRejected | None = None
        if statements is None:
            self._missing = ServerTimeAbsent(why=why)
        else:
            self._last = statements.read()
        self._costs = {
            workload.scenario.name: ScenarioCosts(workload.load.warmup > 0) for workload in workloads
        }

    def after_slice(self, progress: Progress) -> None:
        """Book what the server did since the last slice ended; nothing else ran meanwhile."""
        if self._statements is None or self._missing is not None:
            return
        try:
            now = self._statements.read()
            grown = now.since(self._last)
        except (StatementsRejectedError, psycopg.Error) as error:
            self._missing = ServerTimeRejected(why=str(error).strip())
            return
        self._last = now
        self._costs[progress.slug].add(grown, progress.samples)

    def server_time(self, slug: str) -> DatabaseTime:
        """Return where the server's time went in a scenario, or why that is not known."""
        if self._statements is None or self._missing is not None:
            assert self._missing is not None  # the constructor's word
            return self._missing
        found = self._costs[slug]
        try:
            texts = self._statements.texts(found.costs)
        except psycopg.Error as error:
            return ServerTimeRejected(why=str(error).strip())
        ours = [(costs, texts[key]) for key, costs in found.costs.items() if key in texts]
        if not ours:
            return ServerTimeAbsent(why=_why_nothing(found))
        return _server_time(found, sorted(ours, key=lambda one: one[0].exec_ms, reverse=True))


def _server_time(found: ScenarioCosts, statements: Sequence[tuple[StatementCosts, str]]) -> ServerTime:
    """`statements` are in order, the costliest first."""
    server_ms = sum(costs.exec_ms for costs, _ in statements)
    others = [costs for costs, _ in statements[MOST_STATEMENTS:]]
    return ServerTime(
        samples=found.samples,
        service_ms=found.client_ms,
        server_ms=server_ms,
        # Statements outside of the timed steps count for the server alone: then there is no remainder to tell.
        remainder_ms=found.client_ms - server_ms if found.client_ms >= server_ms else None,
        statements=tuple(_statement(costs, text) for costs, text in statements[:MOST_STATEMENTS]),
        others=sum(others, StatementCosts()) if others else None,
    )


def _statement(costs: StatementCosts, text: str) -> Statement:
    return Statement(
        text=mask(text)[:LONGEST_TEXT],
        calls=costs.calls,
        rows=costs.rows,
        exec_ms=costs.exec_ms,
        hit_blocks=costs.hit_blocks,
        read_blocks=costs.read_blocks,
    )


@contextmanager
def attributed(database: Database | None, workloads: Sequence[Workload]) -> Iterator[Attribution]:
    """Open an attribution of the database's statements; if there are none, or nobody counts them, it says why."""
    if database is None:
        yield Attribution(None, workloads, "no PostgreSQL of this run is used")
        return
    if any(workload.mix for workload in workloads):
        yield Attribution(
            None, workloads, "the scenarios of a mix ran at once: whose statements it ran is not known"
        )
        return
    with database.connect(
        application_name="tailguard statements", answer_within_s=ANSWER_WITHIN_S
    ) as connection:
        try:
            statements = Statements(connection, create=database.source != "yours")
        except StatementsAbsentError as error:
            yield Attribution(None, workloads, str(error))
            return
        yield Attribution(statements, workloads)


def _service_ms(samples: Samples) -> float:
    return float((samples.ended_ns - samples.started_ns).sum() / 1e6)


def _why_nothing(found: ScenarioCosts) -> str:
    if not found.samples:
        return "all was measured within the first slice, which holds the warm-up too"
    return "no statement reached this database: the platform works with another one, or as another user"
