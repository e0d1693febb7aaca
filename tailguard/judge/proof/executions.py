"""What follows from EXPLAIN's documents of all executions of one query."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median_low

from tailguard.engine.quantiles import estimate
from tailguard.judge.proof.plan import parse_plan
from tailguard.record.migration import Blocks
from tailguard.record.part import Document, Quantile


@dataclass(frozen=True, slots=True)
class Executions:
    """The median time, the execution that took it (`explained`), and how many different plans there were."""

    server_ms: Quantile
    planning_ms: float | None
    blocks: Blocks
    shapes: int
    explained: Document


def summarise_executions(explained: Sequence[Document]) -> Executions:
    """Summarise the executions of one query, in order. Raises UsageError if one is not EXPLAIN's."""
    plans = [parse_plan(document) for document in explained]
    server_ms = [plan.execution_ms or 0.0 for plan in plans]
    typical = server_ms.index(median_low(server_ms))  # an execution that really occurred
    return Executions(
        server_ms=estimate(server_ms, 0.5),
        planning_ms=plans[typical].planning_ms,
        blocks=plans[typical].root.blocks,
        shapes=len({plan.shape for plan in plans}),
        explained=explained[typical],
    )
