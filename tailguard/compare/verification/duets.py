"""Whether the record of a duet follows from its blocks: each there once, in its order, and pooled as the run's own."""

import re
from collections.abc import Iterator

from tailguard.compare.gate import looks_at
from tailguard.compare.gate_quality import gate_quality
from tailguard.compare.verdicts import compare_duet, side_of
from tailguard.compare.verification.difference import (
    ABSENT,
    Difference,
    as_recorded,
    differences,
    list_differences,
    part_differences,
)
from tailguard.engine.summary import summarise
from tailguard.record.duet import Duet
from tailguard.record.run import Run
from tailguard.record.samples.pooling import pool

_DISCARDED = re.compile(r"block (\d+): ")


def verify_duet(run: Run) -> Iterator[Difference]:
    """Compare all that follows from the blocks besides the verdicts; raise BrokenRunError if a file is missing."""
    duet = run.record.duet
    if duet is None:
        return
    yield from _blocks(duet)
    yield from _pooled(run, duet)
    again = compare_duet(run, duet)
    yield from list_differences(duet.watched, again.watched, "duet.watched")
    yield from differences([*duet.looks], [*looks_at(duet.budget.pairs)], "duet.looks")
    yield from part_differences(duet.quality, gate_quality(again.noise, duet.budget.pairs), "duet.quality")


def _blocks(duet: Duet) -> Iterator[Difference]:
    """Blocks are numbered from 1, those that were lost among them; odd ones begin with the baseline."""
    lost = [int(found[1]) for text in duet.discarded if (found := _DISCARDED.match(text))]
    numbers = sorted([*lost, *(block.number for block in duet.blocks)])
    yield from differences([*numbers], [*range(1, len(numbers) + 1)], "duet.blocks.number")
    for place, block in enumerate(duet.blocks):
        where = f"duet.blocks[{place}]"
        for side in duet.sides:
            name = f"blocks/{block.number:03}-{side}.parquet"
            yield from differences(block.files.get(side, ABSENT), name, f"{where}.files.{side}")
        yield from differences(block.first, "baseline" if block.number % 2 else "candidate", f"{where}.first")
    if duet.time is not None:
        wall_s = sum(block.wall_s for block in duet.blocks)
        yield from differences(duet.time.wall_s, wall_s, "duet.time.wall_s")
        yield from differences(duet.time.other_s, wall_s - duet.time.measuring_s, "duet.time.other_s")


def _pooled(run: Run, duet: Duet) -> Iterator[Difference]:
    """The run's own samples are the candidate's of all blocks."""
    blocks = side_of(run, duet, "candidate")
    for slug, entry in run.record.scenarios.items():
        parts = [block[slug] for block in blocks if slug in block]
        again = as_recorded(summarise(pool(parts))) if parts else ABSENT
        yield from differences(as_recorded(entry.summary), again, f"duet.pooled.{slug}")
