"""A finished run as run.json has it, made from seeded random samples.

The report reads a run and nothing else, so these tests need a folder, not a server. Every number of the record is
computed from the samples made here, with numpy, as the engine does.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any  # arguments of numpy and of msgspec's replace

import numpy as np
import pandas as pd
from msgspec.structs import replace
from numpy.typing import NDArray

from tailguard.base.state import State
from tailguard.record.doubt import Doubt, Grade
from tailguard.record.environment import (
    Clocks,
    Cpu,
    Environment,
    GitState,
    Placement,
    PostgresServer,
    S3Server,
)
from tailguard.record.objective import Metric, Objective, Objectives, Rule
from tailguard.record.part import Document, Estimate, Quantile, Quantiles
from tailguard.record.run import Run
from tailguard.record.run_record import Ended, Platform, PlayedSuite, RunRecord
from tailguard.record.samples.parquet import write_samples
from tailguard.record.scenario import (
    Counts,
    Invariant,
    PoissonSchedule,
    ScenarioEnded,
    ScenarioEntry,
    SlowIteration,
    StepEntry,
)
from tailguard.record.verdict import ObjectiveVerdict
from tests.support.made_migration import CHECK, migration
from tests.support.made_samples import STEPS, columns

TITLES = {
    "registration": "A user joins a tournament",
    "result_submission": "A match result is submitted",
    "websocket_broadcast": "A match update reaches every subscriber",
    "economy_transfer": "Money moves between two wallets",
    "certificate_upload": "A certificate is stored and read back",
}
LIMITS = [
    ("registration", "register", 0.95, 215.0, False),
    ("registration", "register", 0.99, 300.0, False),
    ("result_submission", "submit", 0.95, 167.0, False),
    ("websocket_broadcast", "broadcast", 0.95, 5000.0, True),
    ("economy_transfer", "transfer", 0.95, 265.0, False),
    ("certificate_upload", "upload", 0.95, 75.0, False),
    ("certificate_upload", "upload", 0.99, 120.0, False),
    ("certificate_upload", "presigned_read", 0.95, 50.0, True),
]


def record(frame: pd.DataFrame) -> RunRecord:
    """The record that belongs to `frame`; the last verdict is of its migration."""
    verdicts = (
        *(_latency_verdict(frame, *limit) for limit in LIMITS),
        *(_ratio_verdict(frame, slug, "error_rate", 0.01, "error rate < 1%") for slug in STEPS),
        _ratio_verdict(frame, "certificate_upload", "retry_rate", 0.02, "retry rate < 2%"),
    )
    rule = Rule(alpha=0.01, dependence="bursty", first_look=100)
    return RunRecord(
        id="3f9c1a",
        created_utc="2026-11-21T10:00:00Z",
        finished_utc="2026-11-21T10:00:48Z",
        command=("tailguard", "run", "--profile", "smoke"),
        profile="smoke",
        seed=1,
        ended=Ended.COMPLETE,
        exit_code=0,
        config=Document({"seed": 1, "load": {"rate_per_s": 100.0, "workers": 8}, "database": {"dsn": "***"}}),
        config_sha256="ab" * 32,
        environment=_environment(),
        platform=Platform(adapter="in-process"),
        suite=PlayedSuite(file="tailguard.toml", scenarios=("scenarios",)),
        objectives=Objectives(
            items=tuple(verdict.objective for verdict in verdicts),
            rules=dict.fromkeys(STEPS, rule),
            source="slo/objectives.toml",
        ),
        scenarios={slug: _scenario(frame[frame.scenario == slug], slug) for slug in STEPS},
        verdicts=(*verdicts, CHECK),
        doubts=(
            Doubt(
                kind="late_generator",
                scenario="registration",
                grade=Grade.WARN,
                measured="p99 of the start delay is 3.1 ms",
                limit="1 ms",
                remedy="Lower load.rate_per_s or give the generator a core of its own (placement.pin = true).",
            ),
        ),
        migrations=(migration(),),
        files={"samples.parquet": "cd" * 32},
    )


def with_verdict(made: RunRecord, place: int, **changes: Any) -> RunRecord:
    """`made`, with another verdict at this place."""
    verdicts = list(made.verdicts)
    verdicts[place] = replace(verdicts[place], **changes)
    return replace(made, verdicts=tuple(verdicts))


def with_scenario(made: RunRecord, slug: str, **changes: Any) -> RunRecord:
    """`made`, with another entry of this scenario."""
    return replace(made, scenarios={**made.scenarios, slug: replace(made.scenarios[slug], **changes)})


def _environment() -> Environment:
    return Environment(
        cpu=Cpu(model="Example CPU", logical=2, physical=1),
        memory_bytes=8_589_934_592,
        kernel="Linux 6.1.0",
        os="Debian GNU/Linux 12",
        python="CPython 3.11.7",
        packages={"psycopg": "3.2.3", "numpy": "2.2.0"},
        git=GitState(commit="ac00e42", dirty=False),
        clock=Clocks(wall_ns=1, monotonic_ns=2),
        placement=Placement(generator=(0,), server=(1,), pinned=True),
        postgres=PostgresServer(version="18.6", source="embedded", settings={"jit": "off"}),
        s3=S3Server(server="seaweedfs", version="4.48", source="embedded"),
    )


def _scenario(frame: pd.DataFrame, slug: str) -> ScenarioEntry:
    first = frame[frame.step == STEPS[slug][0]]
    counts = _counts(frame)
    errors = frame[frame.outcome == "error"].error.value_counts()
    return ScenarioEntry(
        title=TITLES[slug],
        schedule=PoissonSchedule(rate_per_s=100.0, seed=1, workers=8),
        warmup=50,
        offered_rate_per_s=100.1,
        achieved_rate_per_s=100.0,
        measured_s=round(float(first.intended_ns.max()) / 1e9, 3),
        own_s=0.0,
        starts_sha256="ef" * 32,
        ended_because=ScenarioEnded.DECIDED,
        lateness_ms=_quantiles((first.started_ns - first.intended_ns).to_numpy() / 1e6),
        counts=counts,
        retries=int(frame.retries.sum()),
        errors={str(kind): int(count) for kind, count in errors.items()},
        said={str(kind): "deadlock detected" for kind in errors.index},
        refusals={"Conflict": counts.conflict},
        steps={step: _step(frame[frame.step == step]) for step in STEPS[slug]},
        slowest=tuple(_slowest(frame)),
        invariants=(
            Invariant(name="no tournament over capacity", held=True, expected="0", observed="0"),
            Invariant(name="nobody is registered twice", held=True, expected="0", observed="0"),
        ),
    )


def _slowest(frame: pd.DataFrame) -> Iterator[SlowIteration]:
    """Yield the three slowest samples and the slowest failure, as if each were of an iteration of its own."""
    response_ns = frame.ended_ns - frame.intended_ns
    failed = response_ns[frame.outcome == "error"]
    places = dict.fromkeys([*response_ns.nlargest(3).index, *failed.nlargest(1).index])
    for number, place in enumerate(places):
        yield SlowIteration(
            number=number,
            step=frame.step[place],
            outcome=frame.outcome[place],
            error=frame.error[place],
            at_s=int(frame.intended_ns[place] - frame.intended_ns.min()) / 1e9,
            response_ms=int(response_ns[place]) / 1e6,
        )


def _counts(frame: pd.DataFrame) -> Counts:
    ok, conflict, error = (int((frame.outcome == outcome).sum()) for outcome in ("ok", "conflict", "error"))
    return Counts(total=len(frame), ok=ok, conflict=conflict, error=error)


def _step(frame: pd.DataFrame) -> StepEntry:
    good = frame[frame.outcome == "ok"]
    return StepEntry(
        counts=_counts(frame),
        retried=int((frame.retries > 0).sum()),
        response_ms=_quantiles((good.ended_ns - good.intended_ns).to_numpy() / 1e6),
        service_ms=_quantiles((good.ended_ns - good.started_ns).to_numpy() / 1e6),
    )


def _quantiles(values: NDArray[np.float64]) -> Quantiles:
    p50, p95, p99 = (quantile(values, q) for q in (0.5, 0.95, 0.99))
    return Quantiles(p50=p50, p95=p95, p99=p99, max=float(values.max()) if values.size else None)


def quantile(values: NDArray[np.float64], q: float) -> Quantile:
    """The interval is a plain order-statistic one, good enough for a picture."""
    if not values.size:
        return Quantile(q=q, value=None, low=None, high=None, level=0.99, n=0)

    def at(share: float) -> float:
        return float(np.percentile(values, 100 * share, method="inverted_cdf"))

    width = 2.58 * (q * (1 - q) / values.size) ** 0.5
    high = None if q + width >= 1 else at(q + width)
    return Quantile(q=q, value=at(q), low=at(max(q - width, 0)), high=high, level=0.99, n=int(values.size))


def _latency_verdict(
    frame: pd.DataFrame, slug: str, step: str, q: float, limit: float, strict: bool
) -> ObjectiveVerdict:
    good = frame[(frame.scenario == slug) & (frame.step == step) & (frame.outcome == "ok")]
    values = (good.ended_ns - good.intended_ns).to_numpy() / 1e6
    seen, over = quantile(values, q), int((values > limit).sum())
    named = step if step == "presigned_read" else ""
    name = " ".join(f"{slug} {named} p{q * 100:g} {'<' if strict else '<='} {limit:g}ms".split())
    objective = Objective(
        name=name, scenario=slug, step=step, metric="latency", q=q, limit_ms=limit, strict=strict
    )
    return ObjectiveVerdict(
        name=name,
        state=State.PASS if seen.value is not None and seen.value <= limit else State.INVALID,
        objective=objective,
        n=seen.n,
        exceedances=over,
        observed=Estimate(value=seen.value, low=seen.low, high=seen.high, level=seen.level, n=seen.n),
        alpha=0.01,
        rule="sequential",
        dependence="bursty",
        tau=1.0,
        p_fail=1.0,
        why=f"{over} of {seen.n} took longer than {limit:g} ms",
    )


def _ratio_verdict(
    frame: pd.DataFrame, slug: str, metric: Metric, limit: float, text: str
) -> ObjectiveVerdict:
    tried = frame[(frame.scenario == slug) & (frame.outcome != "conflict")]
    n = len(tried)
    hits = int((tried.outcome == "error").sum() if metric == "error_rate" else (tried.retries > 0).sum())
    name = f"{slug} {text}"
    return ObjectiveVerdict(
        name=name,
        state=State.PASS if n else State.INVALID,
        objective=Objective(name=name, scenario=slug, step="", metric=metric, max_ratio=limit, strict=True),
        n=n,
        exceedances=hits,
        observed=Estimate(
            value=hits / n if n else None, low=0.0, high=(hits + 5) / max(n, 1), level=0.99, n=n
        ),
        alpha=0.01,
        rule="exact binomial",
        dependence="independent",
        tau=1.0,
        p_fail=1.0,
        why=f"{hits} of {n} counted",
    )


def write_run(folder: Path, made: RunRecord, frame: pd.DataFrame | None) -> Path:
    """Put a run's files into `folder`; without `frame`, the run has lost its samples."""
    folder.mkdir(parents=True, exist_ok=True)
    if frame is not None:
        write_samples(folder / "samples.parquet", columns(frame))
    Run(folder, made).save()
    return folder
