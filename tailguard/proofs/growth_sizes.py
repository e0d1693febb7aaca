"""The same migration on tables of other sizes: how before and after grow."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager

from tailguard.migrations.limits import Limits
from tailguard.migrations.migration import Migration
from tailguard.migrations.runner import Runner
from tailguard.postgres.database import Database
from tailguard.proofs.evidence.evidence import prove_small
from tailguard.proofs.growth import growth_row
from tailguard.record.migration import GrowthRow

log = logging.getLogger(__name__)

# Without an index a query of millions of rows takes half a second: eight are the least that has an interval.
REPEATS = 8
DEADLINE_S = 600.0


def growth_rows(
    migration: Migration,
    sizes: Sequence[int],
    target: Callable[[int], AbstractContextManager[Database]],
) -> Iterator[GrowthRow]:
    """Yield one row per size, each on tables of its own; a size that could not be proven is left out and named."""
    for rows in sizes:
        with target(rows) as database:
            (proof,) = prove_small(database, [migration], REPEATS, limits=Limits(DEADLINE_S))
            if proof.evidence is not None:
                yield growth_row(database, migration, proof.evidence, Runner(database, Limits(DEADLINE_S)))
            elif proof.unproved is not None:
                log.info("%s rows could not be measured: %s", f"{rows:,}", proof.unproved.because)
