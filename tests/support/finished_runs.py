"""A finished, judged run of each kind on disk, made without a server: all that `verify` recomputes follows from it."""

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import numpy as np
from msgspec.structs import replace

from tailguard.compare.gate import looks_at
from tailguard.compare.gate_quality import gate_quality
from tailguard.compare.verdicts import compare_duet, verdicts_of
from tailguard.judge.objectives import parse_objectives
from tailguard.judge.proof.executions import summarise_executions
from tailguard.judge.proof.responses import all_responses, responses_during, window_name
from tailguard.judge.recovery import recoveries, recovery_invariants
from tailguard.record.chaos import Chaos, FaultWindow, Outage
from tailguard.record.doubt import Doubt, Grade
from tailguard.record.duet import (
    Block,
    Budget,
    CommitLine,
    Duet,
    DuetSide,
    DuetTime,
    ExplainedQuery,
    SideName,
)
from tailguard.record.locust import Locust
from tailguard.record.migration import (
    BuildUnderLoad,
    Client,
    ClientImpact,
    LiveProof,
    MigrationEntry,
    QueryEvidence,
)
from tailguard.record.objective import Margin, Margins
from tailguard.record.part import Document
from tailguard.record.run import Run
from tailguard.record.samples import Samples
from tailguard.record.samples.parquet import write_samples
from tailguard.record.samples.pooling import pool
from tailguard.trust.doubts import find_doubts
from tests.support import made_ddl
from tests.support.blocks import blocks
from tests.support.made_migration import migration
from tests.support.made_proof import live, proved, quick, removed, samples, window
from tests.support.made_shadow import made_shadow
from tests.support.made_soak import made_soak
from tests.support.runs_by_hand import HELD, entry_of, made_run, samples_of

OBJECTIVES = parse_objectives(
    {
        "defaults": {"error_rate": "< 10%", "dependence": "independent"},
        "scenarios": {"upload": {"step": "put", "p95": "<= 75ms"}},
    }
)
MARGINS = Margins(quantiles=(Margin(q=0.5, most=0.05), Margin(q=0.95, most=0.10)), floor_ms=0.1)
CLIENTS: tuple[Client, ...] = ("writers", "readers")
LATE_WORKER = Doubt(
    kind="late_worker",
    scenario=None,
    grade=Grade.WARN,
    measured="1 of 2 workers joined after the run had begun",
    limit="all workers there at the start",
    remedy="start the master with --expect-workers",
)


def finished_run(kind: str, folder: Path) -> Run:
    """The run of this kind, in a folder below `folder`."""
    run = KINDS[kind](folder)
    run.put_verdicts(verdicts_of(run))
    run.put_exit_code(run.record.deserved_exit_code)
    run.save()
    return Run.load(run.folder)


def _uploads() -> Samples:
    """1,200 uploads, a burst of failures among them, of which some 60 were read back: too few for a p95."""
    n = 1200
    outcome = np.where((np.arange(n) >= 600) & (np.arange(n) < 630), 2, 0)
    response_ms = np.random.default_rng(3).lognormal(3, 0.4, n)
    return samples_of(
        "upload", ("put", "get"), response_ms, outcome=outcome, step=(np.arange(n) % 20 == 0).astype(int)
    )


def _measured(
    folder: Path, *, more: tuple[Doubt, ...] = (), chaos: Chaos | None = None, by_locust: bool = False
) -> Run:
    uploads = _uploads()
    recovered = recovery_invariants(chaos, "upload") if chaos else []
    doubts = find_doubts({"upload": entry_of(uploads)}, {"upload": uploads}, OBJECTIVES, by_locust=by_locust)
    return made_run(
        folder,
        upload=uploads,
        invariants=[HELD, *recovered],
        doubts=[*doubts, *more],
        chaos=chaos,
        objectives=OBJECTIVES,
    )


def _chaos(folder: Path) -> Run:
    uploads = _uploads()
    began_ns = int(uploads.intended_ns[600])
    windows = (FaultWindow(label="S3 down", began_ns=began_ns, ended_ns=began_ns + 200_000_000),)
    outages = {"upload": (Outage(began_ns=began_ns + 1, ended_ns=began_ns + 300_000_000),)}
    chaos = Chaos(
        recover_s=5.0,
        ordered=("S3 down",),
        windows=windows,
        outages=outages,
        recoveries=tuple(recoveries({"upload": uploads}, windows, outages)),
    )
    return _measured(folder, chaos=chaos)


def _locust(folder: Path) -> Run:
    run = _measured(folder, more=(LATE_WORKER,), by_locust=True)
    run.put_locust(
        Locust(
            scenarios_sha256="ab" * 32,
            workers={"worker_1": 1},
            joined_late=(),
            faults=(),
            broadcasts={},
            load={"worker_1": None},
        )
    )
    return run


def _duet(folder: Path) -> Run:
    """A candidate 10 % slower, whose query lost its index."""
    baseline, candidate = blocks(1, 20, factor=1.1)
    together = pool([block["registration"] for block in candidate])
    run = made_run(folder, registration=together)
    (run.folder / "blocks").mkdir()
    proof = migration()
    assert proof.before is not None
    assert proof.after is not None
    duet = Duet(
        sides={
            "baseline": _side("main", proof.after.explained),
            "candidate": _side("work tree", proof.before.explained),
        },
        budget=Budget(pairs=20, minutes=5.0),
        margins=MARGINS,
        looks=tuple(looks_at(20)),
        commits=(CommitLine(sha="ab" * 20, day="2026-11-20", subject="Let each buyer wait"),),
        older_commits=3,
        blocks=tuple(
            _block(run.folder, number, {"baseline": one, "candidate": other})
            for number, (one, other) in enumerate(zip(baseline, candidate, strict=True), 1)
        ),
        time=DuetTime(wall_s=40.0, measuring_s=30.0, other_s=10.0, starts_s=4.0, seeding_s=3.0, checks_s=2.0),
    )
    found = compare_duet(run, duet)
    run.put_duet(replace(duet, watched=found.watched, quality=gate_quality(found.noise, 20)))
    return run


def _side(label: str, explained: Document) -> DuetSide:
    return DuetSide(label=label, plans={"0001_idx": ExplainedQuery(document=explained)})


def _block(folder: Path, number: int, measured: Mapping[SideName, Mapping[str, Samples]]) -> Block:
    files: dict[SideName, str] = {side: f"blocks/{number:03}-{side}.parquet" for side in measured}
    for side, each in measured.items():
        write_samples(folder / files[side], each)
    return Block(number=number, first="baseline" if number % 2 else "candidate", wall_s=2.0, files=files)


def _build_proof(folder: Path) -> Run:
    return _proof(folder, proved())


def _removal_proof(folder: Path) -> Run:
    return _proof(folder, removed(live()))


def _proof(folder: Path, entry: MigrationEntry) -> Run:
    """The proof alone, as `migrate prove` leaves it: no scenario, its plans and its clients' samples."""
    run = made_run(folder)
    assert entry.before is not None
    assert entry.after is not None
    assert entry.live is not None
    met = samples() | {
        window_name("0001/", "after", who): window(window_name("0001/", "after", who), quick())
        for who in CLIENTS
    }
    entry = replace(
        entry,
        before=_evidence(run.folder, entry.before, "before"),
        after=_evidence(run.folder, entry.after, "after"),
        live=_live(entry.live, met),
    )
    run.put_migrations([entry])
    run.write_live(met)
    return run


def _evidence(folder: Path, evidence: QueryEvidence, when: str) -> QueryEvidence:
    """Twenty executions of the one that there is, each with a time of its own."""
    documents = [Document({**evidence.explained.value, "Execution Time": 1.0 + n / 10}) for n in range(20)]
    plan_file = f"plans/0001.{when}.json"
    (folder / "plans").mkdir(exist_ok=True)
    (folder / plan_file).write_bytes(msgspec.json.encode([each.value for each in documents]))
    found = summarise_executions(documents)
    return replace(
        evidence,
        server_ms=found.server_ms,
        planning_ms=found.planning_ms,
        blocks=found.blocks,
        shapes=found.shapes,
        explained=found.explained,
        plan_file=plan_file,
    )


def _live(proof: LiveProof, met: Mapping[str, Samples]) -> LiveProof:
    def quiet(name: str) -> dict[Client, ClientImpact]:
        return {who: all_responses(met[window_name("0001/", name, who)], 1.0).impact for who in CLIENTS}

    def during(name: str, build: BuildUnderLoad) -> BuildUnderLoad:
        windows = {who: met[window_name("0001/", name, who)] for who in CLIENTS}
        impact = {
            who: responses_during(each, build.started_ns, build.seconds).impact
            for who, each in windows.items()
        }
        return replace(build, impact=impact)

    assert proof.control is not None
    return replace(
        proof,
        baseline=quiet("baseline"),
        after=quiet("after"),
        builds=tuple(during(f"build_{number}", each) for number, each in enumerate(proof.builds, 1)),
        control=during("control", proof.control),
    )


def _file_proof(folder: Path) -> Run:
    """The proof of a SQL file alone."""
    run = made_run(folder)
    met = made_ddl.samples()
    run.put_ddl(made_ddl.ddl_proof(met))
    run.write_live(met)
    return run


KINDS: Mapping[str, Callable[[Path], Run]] = {
    "run": _measured,
    "chaos": _chaos,
    "duet": _duet,
    "proof": _build_proof,
    "removal": _removal_proof,
    "locust": _locust,
    "file": _file_proof,
    "soak": made_soak,
    "shadow": made_shadow,
}
