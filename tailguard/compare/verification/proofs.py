"""Whether the record of a migration's proof follows from its raw files: EXPLAIN's documents and live.parquet."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import get_args

from msgspec.structs import replace

from tailguard.base.reading.json_text import refuse_ambiguous
from tailguard.base.reading.regular_file import read_bounded
from tailguard.compare.verification.difference import Difference, part_differences
from tailguard.judge.proof.executions import summarise_executions
from tailguard.judge.proof.responses import LiveWindows, all_responses, responses_during, window_name
from tailguard.record.files import naming_broken
from tailguard.record.migration import (
    BuildUnderLoad,
    Client,
    ClientImpact,
    LiveProof,
    MigrationEntry,
    QueryEvidence,
)
from tailguard.record.part import Document
from tailguard.record.run import Run
from tailguard.record.run_json import MOST_BYTES, decode
from tailguard.record.samples import Samples


def verify_proofs(run: Run) -> Iterator[Difference]:
    """Compare the query's plans and what clients met; raise BrokenRunError if a raw file is missing or broken."""
    if not run.record.migrations:
        return
    live = run.live_samples()
    yield from _unclaimed(run, live)
    for entry in run.record.migrations:
        where = f"migrations.{entry.number}"
        yield from _plans(run, entry, where)
        if entry.live is not None:
            again = _counted_again(entry.live, live)
            yield from part_differences(entry.live, again, f"{where}.live")


def _plans(run: Run, entry: MigrationEntry, where: str) -> Iterator[Difference]:
    for name, recorded in (("before", entry.before), ("after", entry.after)):
        if recorded is not None and recorded.plan_file is not None:
            again = _summarised_again(recorded, run.raw_file(recorded.plan_file))
            yield from part_differences(recorded, again, f"{where}.{name}")


def _summarised_again(recorded: QueryEvidence, plan_file: Path) -> QueryEvidence:
    """Return the evidence with all that its plans say taken from their file."""
    content = read_bounded(plan_file, MOST_BYTES)
    with naming_broken(plan_file):
        documents = decode(content, list[Document])
        refuse_ambiguous(content)
    found = summarise_executions(documents)
    return replace(
        recorded,
        server_ms=found.server_ms,
        planning_ms=found.planning_ms,
        blocks=found.blocks,
        shapes=found.shapes,
        explained=found.explained,
    )


def _counted_again(proof: LiveProof, live: Mapping[str, Samples]) -> LiveProof:
    """Return the proof with what its clients met taken from their samples."""
    windows = LiveWindows(proof, live)
    return replace(
        proof,
        baseline=_quiet(windows, "baseline"),
        after=_quiet(windows, "after"),
        builds=tuple(_build(windows, f"build_{n}", build) for n, build in enumerate(proof.builds, 1)),
        control=None if proof.control is None else _build(windows, "control", proof.control),
    )


def _quiet(windows: LiveWindows, name: str) -> dict[Client, ClientImpact]:
    return {who: all_responses(windows.samples(name, who), 1.0).impact for who in _clients(windows, name)}


def _build(windows: LiveWindows, name: str, build: BuildUnderLoad) -> BuildUnderLoad:
    met = {
        who: responses_during(windows.samples(name, who), build.started_ns, build.seconds).impact
        for who in _clients(windows, name)
    }
    return replace(build, impact=met)


def _clients(windows: LiveWindows, name: str) -> list[Client]:
    """Those who were there: a table that takes no writes has readers alone."""
    return [who for who in get_args(Client) if window_name(windows.proof.samples, name, who) in windows.live]


def _unclaimed(run: Run, live: Mapping[str, Samples]) -> Iterator[Difference]:
    """Each window belongs to a proof: a build or a control that was taken out leaves its samples."""
    claimed = {
        window_name(proof.samples, name, who)
        for proof in (entry.live for entry in run.record.migrations)
        if proof is not None
        for name in _names(proof)
        for who in get_args(Client)
    }
    # Of a proof that broke off, what it had measured stays.
    if run.complete and not any(entry.unproved for entry in run.record.migrations):
        for name in live:
            if name not in claimed:
                yield Difference(f"live.{name}", "in no proof of the record", "in live.parquet")


def _names(proof: LiveProof) -> list[str]:
    builds = [f"build_{number}" for number, _ in enumerate(proof.builds, 1)]
    return ["baseline", *builds, "after", *(["control"] if proof.control else [])]
