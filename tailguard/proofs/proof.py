"""The proof of one migration as it grows, and the part of the record that it is at each moment."""

from dataclasses import dataclass, field
from typing import final

from tailguard.migrations.errors import MigrationStoppedError
from tailguard.migrations.index import Index
from tailguard.migrations.migration import Migration
from tailguard.migrations.text.query import Query
from tailguard.record.migration import (
    CycleStep,
    GrowthRow,
    IndexCost,
    IndexState,
    LiveProof,
    MigrationEntry,
    OtherQuery,
    QueryEvidence,
    Unproved,
)


@final
@dataclass(frozen=True, slots=True)
class Evidence:
    """What a proof without load measured; `index_bytes` of the index as it was first there."""

    rows: int
    build_s: float
    index_bytes: int
    before: QueryEvidence
    after: QueryEvidence


@dataclass(slots=True)
class Proof:
    """`evidence` is None if the proof broke off before it was complete; then `unproved` says why."""

    migration: Migration
    found: IndexState | None = None
    cycle: list[CycleStep] = field(default_factory=list)
    others: dict[str, OtherQuery] = field(default_factory=dict)
    evidence: Evidence | None = None
    unproved: Unproved | None = None
    cost: IndexCost | None = None
    live: LiveProof | None = None
    growth: list[GrowthRow] = field(default_factory=list)

    @property
    def entry(self) -> MigrationEntry:
        """What the record keeps of it."""
        migration, evidence = self.migration, self.evidence
        stated = migration.stated_query
        query = stated if isinstance(stated, Query) else Query("", {})  # then `unproved` says why
        return MigrationEntry(
            number=migration.number,
            slug=migration.slug,
            table=migration.build.table,
            index=migration.index,
            act=migration.act,
            parameters=query.parameters,
            up_sql=migration.up,
            down_sql=migration.down,
            query_sql=query.sql,
            rows=evidence and evidence.rows,
            build_s=evidence and evidence.build_s,
            index_bytes=evidence and evidence.index_bytes,
            before=evidence and evidence.before,
            after=evidence and evidence.after,
            others=self.others,
            found=self.found,
            cycle=tuple(self.cycle),
            unproved=self.unproved,
            cost=self.cost,
            live=self.live,
            growth=tuple(self.growth),
        )

    def break_off(self, error: Exception, *, under_load: bool = False) -> None:
        """Keep why it ends here."""
        stopped = isinstance(error, MigrationStoppedError)
        self.unproved = Unproved(because=str(error), stopped=stopped, under_load=under_load)


def index_state(index: Index | None) -> IndexState | None:
    """Return what the record keeps of an index that was looked for."""
    return None if index is None else IndexState(valid=index.valid, ready=index.ready)
