"""Merging the workers' rows into one scenario's samples: concatenation, then one order by intended start.

The same result as `tailguard.engine.recorder.merge` of all rows at once, with less memory: 10 million samples from 4
workers must fit beside what the master holds anyway, so chunks are given back while the columns are filled.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any  # arrays of several types

import numpy as np

from tailguard.engine.iteration.step_names import UNNAMED
from tailguard.engine.recorder import ROW, ROW_BYTES, ErrorKinds
from tailguard.locust.master.inbox.broadcasts import LOST, Ends
from tailguard.record.samples import ERROR, OK, VALUE, Samples, unpack_codes, values_apart


@dataclass(frozen=True, slots=True)
class WorkerRows:
    """One worker's rows.

    Attributes:
        chunks: rows as bytes, one `tailguard.engine.recorder.ROW` each: intended, started, ended, code.
        steps, errors: the worker's names of steps, and of failures and refusals, in the order of its own numbers.
        shift_ns: what is added to its instants to have them on the master's clock.
        ends: when its broadcasts ended at the spectators of all workers; None if it has no spectators.
        metrics: its names of what was recorded beside the steps, likewise.
    """

    chunks: list[bytes]
    steps: Sequence[str]
    errors: Sequence[str]
    shift_ns: int
    ends: Ends | None = None
    metrics: Sequence[str] = ()


def merge_parts(
    slug: str, parts: list[WorkerRows], declared: Sequence[str] = (), *, consume: bool = False
) -> Samples:
    """Return the samples of all workers in order of their intended start; equal ones stay in the parts' order.

    Steps, and kinds of failures and refusals, of the same name become one; `declared` steps come first. A metric with
    the name of another worker's step stays apart, as "NAME (recorded)". `consume` empties the parts' chunk lists on the
    way.
    """
    kinds = ErrorKinds()
    steps = tuple(dict.fromkeys([*declared, *(name for part in parts for name in part.steps)])) or (UNNAMED,)
    told = list(dict.fromkeys(name for part in parts for name in part.metrics))
    metrics = _apart(told, steps)
    rows = sum(len(chunk) for part in parts for chunk in part.chunks) // ROW_BYTES
    intended_ns, started_ns, ended_ns = (np.empty(rows, np.int64) for _ in range(3))
    step, outcome = np.empty(rows, np.uint8), np.empty(rows, np.uint8)
    error, retries = np.empty(rows, np.int32), np.empty(rows, np.int32)
    filled = 0
    for part in parts:
        numbers = np.array([kinds.number(kind) for kind in part.errors], np.int32)
        of_metrics = [len(steps) + told.index(name) for name in part.metrics]
        places = np.array([*map(steps.index, part.steps), *of_metrics], np.uint8)
        chunks = part.chunks if consume else list(part.chunks)
        chunks.reverse()
        while chunks:
            table = np.frombuffer(chunks.pop(), ROW)
            here = slice(filled, filled + len(table))
            for column, instant in ((intended_ns, 0), (started_ns, 1), (ended_ns, 2)):
                np.add(table["instants"][:, instant], part.shift_ns, out=column[here])
            codes = unpack_codes(table["code"])
            of_metric = np.where(codes["outcome"] == VALUE, len(part.steps), 0).astype(np.uint8)
            step[here], error[here] = places[codes["step"] + of_metric], numbers[codes["error"]]
            outcome[here], retries[here] = codes["outcome"], codes["retries"]
            if part.ends is not None:
                lost = part.ends.put(table["instants"][:, 2], codes["outcome"] == OK, ended_ns[here])
                if lost.any():
                    outcome[here][lost], error[here][lost] = ERROR, kinds.number(LOST)
            filled += len(table)
            del table, codes
    _order(intended_ns, started_ns, ended_ns, step, outcome, error, retries)
    names = (*steps, *metrics)
    merged = Samples(
        slug, names, kinds.names(), intended_ns, started_ns, ended_ns, step, outcome, error, retries
    )
    return values_apart(merged, metrics)


def _apart(metrics: Sequence[str], steps: Sequence[str]) -> tuple[str, ...]:
    """Return names for the metrics that are different from each other and from all steps."""
    apart: list[str] = []
    for metric in metrics:
        name = metric
        while name in steps or name in apart:
            name += " (recorded)"
        apart.append(name)
    return tuple(apart)


def _order(*columns: Any) -> None:
    """Put the columns in the order of the first, in place: one copy of one column exists at a time."""
    key = columns[0]
    if len(key) < 2 or bool((key[1:] >= key[:-1]).all()):  # noqa: PLR2004  # one row is in order
        return
    order = np.argsort(key, kind="stable")
    for column in columns:
        column[:] = column[order]
