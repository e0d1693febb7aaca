"""A run on disk of each kind that has a report of its own, judged by the real judge and reported by the real report."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
from msgspec.structs import replace

from tailguard.compare.history import merged, rows_of
from tailguard.compare.series.findings import series_of
from tailguard.compare.verdicts import compare_duet, verdicts_of
from tailguard.record.doubt import Doubt, Grade
from tailguard.record.duet import Claim
from tailguard.record.objective import Rule
from tailguard.record.run import Run
from tailguard.record.run_record import RunRecord
from tailguard.record.samples.parquet import write_samples
from tailguard.report.history_page import history_page_of
from tailguard.report.report import write_report
from tests.support.blocks import blocks
from tests.support.made_chaos import chaos_record
from tests.support.made_duet import PLAN, duet_record
from tests.support.made_kinds import kind_of_run, server_time
from tests.support.made_migration import CHECK
from tests.support.made_proof import NO_STALL, live, proof_record, proved, removed
from tests.support.made_proof import samples as live_samples
from tests.support.made_run import record, with_scenario, write_run
from tests.support.made_samples import samples
from tests.support.made_soak import made_soak

COUNT = 4000  # enough for each objective of a made run to pass
EARLIER = 5  # runs before the one that passes
PAIRS, SLOWER, FASTER = 20, 1.09, 0.35
INDEPENDENT = Rule(alpha=0.01, dependence="independent", first_look=100)
CLAIM = Claim(
    title="registration p95 -50%",
    scenario="registration",
    step="register",
    q=0.95,
    change=-0.5,
    source="the platform's own report",
)
UNHELD = Doubt(
    kind="starved_generator",
    scenario=None,
    grade=Grade.GRAVE,
    measured="our threads queued for a core 96 % of the time that they wanted one",
    limit="85 %; grave from 94 % with others over 50 %",
    remedy="stop what else runs on the generator's cores, or run on a machine with more cores",
)


def limited(made: RunRecord, **limits_ms: float) -> RunRecord:
    """`made`, with another first limit of these scenarios."""
    assert made.objectives is not None
    items = list(made.objectives.items)
    for slug, limit_ms in limits_ms.items():
        place = next(place for place, each in enumerate(items) if each.scenario == slug)
        name = f"{slug} p95 <= {limit_ms:g}ms"
        items[place] = replace(items[place], limit_ms=limit_ms, name=name, strict=False)
    return replace(made, objectives=replace(made.objectives, items=tuple(items)))


def passing(frame: pd.DataFrame) -> RunRecord:
    made = record(frame)
    assert made.objectives is not None
    rules = dict.fromkeys(made.objectives.rules, INDEPENDENT)
    made = with_scenario(made, "registration", database=server_time())
    return replace(made, objectives=replace(made.objectives, rules=rules), doubts=())


def failing(frame: pd.DataFrame) -> RunRecord:
    """One limit lies below all samples, one within them, one among the slowest."""
    made = replace(passing(frame), doubts=record(frame).doubts)
    return limited(made, registration=0.4, economy_transfer=1.0, certificate_upload=11.3)


def undecided(frame: pd.DataFrame) -> RunRecord:
    return limited(passing(frame), registration=3.0, websocket_broadcast=17.2)


def invalid(frame: pd.DataFrame) -> RunRecord:
    return replace(passing(frame), doubts=(UNHELD, *record(frame).doubts))


def by_locust(frame: pd.DataFrame) -> RunRecord:
    made = passing(frame)
    return replace(made, platform=replace(made.platform, adapter="locust"), migrations=())


OF_SAMPLES: Mapping[str, Callable[[pd.DataFrame], RunRecord]] = {
    "pass": passing,
    "fail": failing,
    "inconclusive": undecided,
    "invalid": invalid,
    "chaos": lambda frame: chaos_record(passing(frame)),
    "locust": by_locust,
}
OF_PARTS: Mapping[str, Callable[[pd.DataFrame], RunRecord]] = {
    "proof": lambda frame: kind_of_run("proof", frame),
    "stall": lambda frame: proof_record(
        record(frame), proved(), CHECK, replace(NO_STALL, state=CHECK.state.FAIL, observed="612 ms")
    ),
    "removal": lambda frame: proof_record(record(frame), removed(live())),
}
KINDS = (*OF_SAMPLES, *OF_PARTS, "duet", "experiment", "soak", "history")


def report_of(kind: str, folder: Path) -> Path:
    """Make a run of this kind below `folder` and return the path of its report, or of the history of several."""
    frame = samples(COUNT)
    if kind == "history":
        runs = [
            judged_on_disk(folder, _numbered(number), samples(COUNT, seed=number + 2))
            for number in range(EARLIER)
        ]
        page = folder / "history.html"
        page.write_text(history_page_of(series_of(merged(*map(rows_of, runs)))), encoding="utf-8")
        return page
    if kind == "soak":
        run = made_soak(folder)
        run.put_verdicts(verdicts_of(run))
        run.save()
        return write_report(run)
    if kind == "duet":
        run = _duet(folder, record(frame), frame)
    elif kind == "experiment":
        run = _duet(folder, record(frame), frame, CLAIM)
    elif kind in OF_SAMPLES:
        run = judged_on_disk(folder, OF_SAMPLES[kind](frame), frame)
    else:
        run = Run.load(_write(folder, OF_PARTS[kind](frame), None))
        run.write_live(live_samples())
    if kind == "pass":
        for number in range(EARLIER):
            judged_on_disk(folder, _numbered(number), samples(COUNT, seed=number + 2))
    return write_report(run)


def _numbered(number: int) -> RunRecord:
    made = passing(samples(COUNT, seed=number + 2))
    return replace(made, id=f"00000{number}", created_utc=f"2026-11-{11 + number}T10:00:00Z")


def _write(folder: Path, made: RunRecord, frame: pd.DataFrame | None) -> Path:
    return write_run(folder / f"20261121T100000Z-{made.id}", made, frame)


def judged_on_disk(folder: Path, made: RunRecord, frame: pd.DataFrame) -> Run:
    run = Run.load(_write(folder, made, frame))
    run.put_verdicts(verdicts_of(run))
    run.save()
    return run


def _duet(folder: Path, made: RunRecord, frame: pd.DataFrame, claim: Claim | None = None) -> Run:
    made = duet_record(made, PLAN)
    factor = SLOWER if claim is None else FASTER
    alone = {"registration": made.scenarios["registration"]}
    made = replace(made, objectives=None, scenarios=alone)
    run = Run.load(_write(folder, made, frame[frame["scenario"] == "registration"]))
    assert made.duet is not None
    for block, *sides in zip(made.duet.blocks, *blocks(1, PAIRS, factor=factor), strict=True):
        for name, measured in zip(block.files.values(), sides, strict=True):
            (run.folder / name).parent.mkdir(exist_ok=True)
            write_samples(run.folder / name, measured)
    duet = replace(made.duet, claim=claim)
    found = compare_duet(run, duet)
    run.put_duet(replace(duet, watched=found.watched))
    run.put_verdicts((*found.verdicts, PLAN) if claim is None else found.verdicts)
    run.save()
    return run
