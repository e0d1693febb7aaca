"""Doubts about one scenario's entry. The limits leave room for what a shared two-core machine does to it."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from msgspec.structs import replace

from tailguard.base.text_format import ratio
from tailguard.engine.scenario_execution import NOT_SERVED, TIMED_OUT
from tailguard.record.doubt import LATE_GENERATOR, Doubt, Grade
from tailguard.record.objective import Objective
from tailguard.record.samples import Samples
from tailguard.record.samples.refusals import refused
from tailguard.record.scenario import ScenarioEnded, ScenarioEntry
from tailguard.trust.short_calls import short_calls
from tailguard.trust.stationarity import drift_z, mser5_cut

# A start is at most 0.1 ms late at the median, on a loaded machine too; ten times that cannot be trusted.
GRAVE_MEDIAN_LATENESS_MS = 1.0
# A p99 of 3 to 14 ms was seen on two cores under a load of 5: worth a note. Four times as much is not that noise.
WARN_P99_LATENESS_MS, GRAVE_P99_LATENESS_MS = 10.0, 50.0
# Late by that much is grave if at least a quarter of the reported response time, at the same quantile, is ours: a
# platform that computes in this process, as a 64 KiB upload does, delays the next start by a fraction of its own time.
GRAVE_SHARE = 0.25
# Below these shares of the offered rate a run is not the load it claims to be; a Poisson stream itself varies less, for
# offered counts what was really due.
NOTE_ACHIEVED, WARN_ACHIEVED = 0.99, 0.95
WARN_QUEUED = 0.05  # of starts waited for a worker: as many as a p95's tail may be what it shows
# 0.95^90 < 0.01: with fewer ok samples not even a p95 without a single exceedance passes at 99 %.
LEAST_OK = 90
# A share of refusals without a limit may be the defect itself: a tenth of all sales, refused at once, looks fast.
GRAVE_UNSTATED = 0.05
MOST_KINDS = 3  # of refusals that a doubt names
_WHY_REFUSED = "look at why it refuses: a row that was used before, or a defect"
# Welch's z over 32 blocks beyond 3 in a steady series: about 5 in 1,000.
DRIFT_Z = 3.0
# A tenth of the time that users wait for is worth knowing of: a journey that prepares a request outside of a
# step, or does a step's work there, makes the platform look faster than it is.
WARN_OWN_CODE = 0.10
# MSER-5 cuts a little off most series by chance; a quarter, half as slow again as the rest, is a warm-up.
COLD_SHARE, COLD_RATIO = 0.25, 1.5
_WARMUP = 50  # iterations, to begin with

# What to do about them in a Locust run, whose load is chosen by other options.
_BY_LOCUST: Mapping[str, str] = {
    LATE_GENERATOR: "stop what else runs on the workers' cores, lower --tailguard-rate, or start more workers "
    "(--processes)",
    "below_offered_rate": "the platform is overloaded at this rate: lower --tailguard-rate to measure latency, or take "
    "this as its capacity",
    "queued_for_a_worker": "their response time includes that wait: give more --users, or lower --tailguard-rate if "
    "requests queue in the platform",
    "too_few_samples": "give a longer --run-time, more --users or a higher --tailguard-rate",
    "not_warm": "give a longer --run-time; or a longer warm-up, --tailguard-set load.warmup=20 at most",
    "drift": "if it grows: look for overload, leaks, growing tables; if it falls: give a longer --run-time",
}


def doubts_of_scenario(
    slug: str,
    entry: ScenarioEntry,
    samples: Samples,
    objectives: Sequence[Objective],
    *,
    by_locust: bool = False,
) -> Iterator[Doubt]:
    """Look for everything that may be wrong with what was measured: the entry is of these samples.

    `objectives` are those of the scenario: they say which refusals are expected. The remedies of a run `by_locust`
    name its options.
    """
    for look in _LOOKS.values():
        for doubt in look(slug, entry, samples):
            yield replace(doubt, remedy=_BY_LOCUST.get(doubt.kind, doubt.remedy)) if by_locust else doubt
    yield from _unstated_refusals(slug, samples, objectives)


def _late_generator(slug: str, entry: ScenarioEntry, samples: Samples) -> Iterator[Doubt]:
    median_ms, p99_ms = entry.lateness_ms.p50.value, entry.lateness_ms.p99.value
    if median_ms is None or p99_ms is None:  # a p99 needs a tail of one
        return
    response_ms = samples.response_ms(samples.steps[0])
    late = np.array([median_ms, p99_ms])
    felt = np.percentile(response_ms, [50, 99], method="inverted_cdf") if len(response_ms) else np.zeros(2)
    limits = np.array([GRAVE_MEDIAN_LATENESS_MS, GRAVE_P99_LATENESS_MS])
    grave = bool(np.any((late > limits) & (late >= GRAVE_SHARE * felt)))
    if grave or p99_ms > WARN_P99_LATENESS_MS:
        yield Doubt(
            kind=LATE_GENERATOR,
            scenario=slug,
            grade=Grade.GRAVE if grave else Grade.WARN,
            measured=f"starts {median_ms:.2f} ms late at the median and {p99_ms:.1f} ms at p99, though a worker was "
            "waiting",
            limit=f"p99 {WARN_P99_LATENESS_MS:g} ms; grave above {GRAVE_P99_LATENESS_MS:g} ms or a median of "
            f"{GRAVE_MEDIAN_LATENESS_MS:g} ms that is {ratio(GRAVE_SHARE)} of the response time",
            remedy="stop what else runs on the generator's cores, lower load.rate_per_s, or run on a machine with more "
            "cores",
        )


def _rows_used_up(slug: str, entry: ScenarioEntry, samples: Samples) -> Iterator[Doubt]:
    if entry.ended_because is ScenarioEnded.ROWS_USED_UP:
        yield Doubt(
            kind="rows_used_up",
            scenario=slug,
            grade=Grade.GRAVE,
            measured=f"its rows ended after {len(samples)} samples, before its limits were decided",
            limit="a row for each iteration",
            remedy='give the file more rows, or state use="cycle"',
        )


def _below_offered(slug: str, entry: ScenarioEntry, samples: Samples) -> Iterator[Doubt]:
    offered = entry.offered_rate_per_s
    if not offered:
        return
    share = entry.achieved_rate_per_s / offered
    if share < NOTE_ACHIEVED:
        yield Doubt(
            kind="below_offered_rate",
            scenario=slug,
            grade=Grade.WARN if share < WARN_ACHIEVED else Grade.NOTE,
            measured=f"{entry.achieved_rate_per_s:.1f} of {offered:.1f} starts per second came to their end",
            limit=f"{ratio(NOTE_ACHIEVED)} of the offered rate",
            remedy="the platform is overloaded at this rate: lower load.rate_per_s to measure latency, or take this as "
            "its capacity",
        )


def _queued_for_a_worker(slug: str, entry: ScenarioEntry, samples: Samples) -> Iterator[Doubt]:
    iterations = round(entry.achieved_rate_per_s * entry.measured_s)
    if entry.offered_rate_per_s is None or not iterations:
        return
    share = max(iterations - entry.lateness_ms.p50.n, 0) / iterations
    if share > WARN_QUEUED:
        yield Doubt(
            kind="queued_for_a_worker",
            scenario=slug,
            grade=Grade.WARN,
            measured=f"{ratio(share)} of the starts found all {entry.schedule.workers} workers busy",
            limit=f"{ratio(WARN_QUEUED)} of the starts",
            remedy="their response time includes that wait: raise load.workers, or lower load.rate_per_s if requests "
            "queue in the platform",
        )


def _unanswered(slug: str, entry: ScenarioEntry, samples: Samples) -> Iterator[Doubt]:
    counts = {kind: _count_errors(samples, kind) for kind in (TIMED_OUT, NOT_SERVED)}
    if any(counts.values()):
        yield Doubt(
            kind="unanswered",
            scenario=slug,
            grade=Grade.WARN,
            measured=f"{counts[TIMED_OUT]} iterations never came back and {counts[NOT_SERVED]} could not begin in time",
            limit="0 iterations",
            remedy="they count as errors; look for a lock or a lost connection in the platform's log",
        )


def _impossible_times(slug: str, entry: ScenarioEntry, samples: Samples) -> Iterator[Doubt]:
    impossible = np.count_nonzero(
        (samples.ended_ns < samples.started_ns) | (samples.started_ns < samples.intended_ns)
    )
    if impossible:
        yield Doubt(
            kind="impossible_times",
            scenario=slug,
            grade=Grade.GRAVE,
            measured=f"{impossible} samples ended before they began, or began before they were due",
            limit="0 samples",
            remedy="an adapter that sets ended_ns must read time.monotonic_ns() on the machine that sends",
        )


def _too_few(slug: str, entry: ScenarioEntry, samples: Samples) -> Iterator[Doubt]:
    for step in samples.steps:
        if step not in entry.steps:  # a record that somebody edited: `verify` tells it
            continue
        counts = entry.steps[step].counts
        if counts.ok < LEAST_OK and counts.conflict <= counts.ok:
            yield Doubt(
                kind="too_few_samples",
                scenario=slug,
                grade=Grade.WARN,
                measured=f"{counts.ok} ok samples of {step}",
                limit=f"{LEAST_OK} for a p95 at 99 %",
                remedy="measure more: raise load.rate_per_s, load.max_samples or load.max_seconds",
            )


def _mostly_refused(slug: str, entry: ScenarioEntry, samples: Samples) -> Iterator[Doubt]:
    for step, found in entry.steps.items():
        counts = found.counts
        if counts.conflict > counts.ok:
            yield Doubt(
                kind="mostly_refused",
                scenario=slug,
                grade=Grade.WARN,
                measured=f"{counts.conflict} of {counts.total} calls of {step} were refused: {counts.ok} ok samples",
                limit="half of the calls",
                remedy=_WHY_REFUSED,
            )


def _unstated_refusals(slug: str, samples: Samples, objectives: Sequence[Objective]) -> Iterator[Doubt]:
    unstated = refused(samples)
    for objective in objectives:
        if objective.metric == "refusal_rate":
            covered = refused(samples, objective.refusal)
            unstated &= ~(
                covered & (samples.step == samples.step_index(objective.step)) if objective.step else covered
            )
    for step in samples.steps:
        of_step = samples.step == samples.step_index(step)
        n, total = int(np.count_nonzero(unstated & of_step)), int(np.count_nonzero(of_step))
        if n:
            kinds = Counter(samples.errors[number] for number in samples.error[unstated & of_step])
            told = ", ".join(f"{kind} {times}" for kind, times in kinds.most_common(MOST_KINDS))
            yield Doubt(
                kind="unstated_refusals",
                scenario=slug,
                grade=Grade.GRAVE if n >= GRAVE_UNSTATED * total else Grade.WARN,
                measured=f"{n} of {total} calls of {step} were refused ({told}), and no objective says how many may be",
                limit=f"0; grave from {ratio(GRAVE_UNSTATED)} on",
                remedy=f"{_WHY_REFUSED}; if they are meant, state their share, such as 'refusal rate <= "
                f"{min(99, max(1, round(200 * n / total)))}%'",
            )


def _not_warm(slug: str, entry: ScenarioEntry, samples: Samples) -> Iterator[Doubt]:
    times_ms = samples.response_ms(samples.steps[0])
    cut = mser5_cut(times_ms)
    if cut < max(COLD_SHARE * len(times_ms), 1):
        return
    ratio = times_ms[:cut].mean() / max(times_ms[cut:].mean(), 1e-9)
    if ratio > COLD_RATIO:
        yield Doubt(
            kind="not_warm",
            scenario=slug,
            grade=Grade.WARN,
            measured=f"the first {cut} of {len(times_ms)} samples took {ratio:.1f} times as long as the rest",
            limit=f"a quarter of the samples, {COLD_RATIO:g} times as long",
            remedy=f"warm up longer: --set load.warmup={2 * entry.warmup or _WARMUP}; or measure longer: raise "
            "load.max_samples and load.max_seconds",
        )


def _drifting(slug: str, entry: ScenarioEntry, samples: Samples) -> Iterator[Doubt]:
    times_ms = samples.response_ms(samples.steps[0])
    z = drift_z(times_ms)
    if z is not None and abs(z) > DRIFT_Z:
        halves = [half.mean() for half in np.array_split(times_ms, 2)]
        yield Doubt(
            kind="drift",
            scenario=slug,
            grade=Grade.WARN,
            measured=f"mean {halves[0]:.2f} ms in the first half and {halves[1]:.2f} ms in the second, "
            f"{abs(z):.1f} standard errors apart",
            limit=f"{DRIFT_Z:g} standard errors, of 32 block means",
            remedy="if it grows: look for overload, leaks, growing tables; if it falls: use a longer warm-up "
            "(load.warmup)",
        )


def _own_code(slug: str, entry: ScenarioEntry, samples: Samples) -> Iterator[Doubt]:
    response_s = float((samples.ended_ns - samples.intended_ns).sum()) / 1e9
    if response_s > 0 and entry.own_s > WARN_OWN_CODE * response_s:
        yield Doubt(
            kind="own_code",
            scenario=slug,
            grade=Grade.WARN,
            measured=f"code before the first step took {ratio(entry.own_s / response_s)} of the time of the steps",
            limit=f"{ratio(WARN_OWN_CODE)} of the time of the steps",
            remedy="it is not part of any step: call the platform in a step, and prepare in a fixture what a request "
            "needs",
        )


def _count_errors(samples: Samples, kind: str) -> int:
    if kind not in samples.errors:
        return 0
    return int(np.count_nonzero(samples.error == samples.errors.index(kind)))


_LOOKS: Mapping[str, Callable[[str, ScenarioEntry, Samples], Iterator[Doubt]]] = {
    LATE_GENERATOR: _late_generator,
    "rows_used_up": _rows_used_up,
    "below_offered_rate": _below_offered,
    "queued_for_a_worker": _queued_for_a_worker,
    "unanswered": _unanswered,
    "impossible_times": _impossible_times,
    "too_few_samples": _too_few,
    "mostly_refused": _mostly_refused,
    "not_warm": _not_warm,
    "drift": _drifting,
    "own_code": _own_code,
    "short_calls": short_calls,
}
# Those that follow from a scenario's entry and samples alone.
KINDS = frozenset({*_LOOKS, "unstated_refusals"})
