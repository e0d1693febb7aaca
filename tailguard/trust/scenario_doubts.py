"""Doubts about one scenario's measurement. The limits leave room for what a shared two-core machine does to it."""

from collections.abc import Callable, Iterator

import numpy as np

from tailguard.engine.scenario_execution import NOT_SERVED, TIMED_OUT
from tailguard.engine.workload import Measurement
from tailguard.record.doubt import LATE_GENERATOR, Doubt
from tailguard.record.samples import Samples
from tailguard.trust.stationarity import drift_z, mser5_cut

# A start is at most 0.1 ms late at the median, on a loaded machine too; ten times that is no measurement to trust.
GRAVE_MEDIAN_LATENESS_MS = 1.0
# A p99 of 3 to 14 ms was seen on two cores under a load of 5: that is worth a word. Four times as much is no
# scheduler's noise any more.
WARN_P99_LATENESS_MS, GRAVE_P99_LATENESS_MS = 10.0, 50.0
# Late by that much is grave where at least a quarter of the reported response time, at the same quantile, is ours: a
# platform that computes in this process, as a 64 KiB upload does, delays the next start by a fraction of its own time.
GRAVE_SHARE = 0.25
# A p99 needs a tail of one.
LEAST_STARTS = 100
# Below these shares of the offered rate a run is not the load it claims to be; a Poisson stream itself varies less, for
# offered counts what was really due.
NOTE_ACHIEVED, WARN_ACHIEVED = 0.99, 0.95
# Starts that found all workers busy wait for one. A share as large as a p95's tail may be what a p95 shows.
WARN_QUEUED = 0.05
# 0.95^90 < 0.01: with fewer ok samples not even a p95 without a single exceedance passes at 99 %.
LEAST_OK = 90
# Welch's z over 32 blocks beyond 3 in a steady series: about 5 in 1,000.
DRIFT_Z = 3.0
# MSER-5 cuts a little off most series by chance; a quarter, half as slow again as the rest, is a warm-up.
COLD_SHARE, COLD_RATIO = 0.25, 1.5


def doubts_of_scenario(slug: str, measurement: Measurement) -> Iterator[Doubt]:
    """Look for everything that may be wrong with this measurement."""
    for look in _LOOKS:
        yield from look(slug, measurement)


def skipped_step(slug: str, step: str, why: str) -> Doubt:
    """Return the word that a step was not taken: it has not passed."""
    return Doubt(
        "skipped_step",
        slug,
        "note",
        f"{step} was not measured: {why}",
        "every step measured",
        "nothing is known of it in this run",
    )


def _late_generator(slug: str, measurement: Measurement) -> Iterator[Doubt]:
    lateness_ms = measurement.lateness_ns / 1e6
    response_ms = measurement.samples.response_ms(measurement.samples.steps[0])
    if len(lateness_ms) < LEAST_STARTS:
        return
    late = median_ms, p99_ms = np.percentile(lateness_ms, [50, 99], method="inverted_cdf")
    felt = np.percentile(response_ms, [50, 99], method="inverted_cdf") if len(response_ms) else np.zeros(2)
    limits = np.array([GRAVE_MEDIAN_LATENESS_MS, GRAVE_P99_LATENESS_MS])
    grave = bool(np.any((late > limits) & (late >= GRAVE_SHARE * felt)))
    if grave or p99_ms > WARN_P99_LATENESS_MS:
        yield Doubt(
            LATE_GENERATOR,
            slug,
            "grave" if grave else "warn",
            f"starts {median_ms:.2f} ms late at the median and {p99_ms:.1f} ms at p99, though a worker was waiting",
            f"p99 {WARN_P99_LATENESS_MS:g} ms; grave above {GRAVE_P99_LATENESS_MS:g} ms or a median of "
            f"{GRAVE_MEDIAN_LATENESS_MS:g} ms that is {GRAVE_SHARE:.0%} of the response time",
            "stop what else runs on the generator's cores, lower the rate, or run on a machine with more cores",
        )


def _below_offered(slug: str, measurement: Measurement) -> Iterator[Doubt]:
    offered = measurement.offered_rate_per_s
    if not offered:
        return
    share = measurement.achieved_rate_per_s / offered
    if share < NOTE_ACHIEVED:
        yield Doubt(
            "below_offered_rate",
            slug,
            "warn" if share < WARN_ACHIEVED else "note",
            f"{measurement.achieved_rate_per_s:.1f} of {offered:.1f} starts per second came to their end",
            f"{NOTE_ACHIEVED:.0%} of the offered rate",
            "the platform is overloaded at this rate: lower it to measure latency, or take this as its capacity",
        )


def _queued_for_a_worker(slug: str, measurement: Measurement) -> Iterator[Doubt]:
    turns = round(measurement.achieved_rate_per_s * measurement.measured_s)
    if measurement.offered_rate_per_s is None or not turns:
        return
    share = max(turns - len(measurement.lateness_ns), 0) / turns
    if share > WARN_QUEUED:
        yield Doubt(
            "queued_for_a_worker",
            slug,
            "warn",
            f"{share:.0%} of the starts found all {measurement.schedule['workers']} workers busy",
            f"{WARN_QUEUED:.0%} of the starts",
            "their response time holds that wait: raise the workers, or lower the rate if the platform is the one "
            "that queues",
        )


def _unanswered(slug: str, measurement: Measurement) -> Iterator[Doubt]:
    counts = {kind: _count_errors(measurement.samples, kind) for kind in (TIMED_OUT, NOT_SERVED)}
    if any(counts.values()):
        yield Doubt(
            "unanswered",
            slug,
            "warn",
            f"{counts[TIMED_OUT]} turns never came back and {counts[NOT_SERVED]} could not begin in time",
            "0 turns",
            "they count as errors; look for a lock or a lost connection in the platform's log",
        )


def _impossible_times(slug: str, measurement: Measurement) -> Iterator[Doubt]:
    samples = measurement.samples
    impossible = np.count_nonzero(
        (samples.ended_ns < samples.started_ns) | (samples.started_ns < samples.intended_ns)
    )
    if impossible:
        yield Doubt(
            "impossible_times",
            slug,
            "grave",
            f"{impossible} samples ended before they began, or began before they were due",
            "0 samples",
            "an adapter that sets ended_ns must read time.monotonic_ns() on the machine that sends",
        )


def _too_few(slug: str, measurement: Measurement) -> Iterator[Doubt]:
    samples = measurement.samples
    for step in samples.steps:
        n = int(np.count_nonzero(samples.ok(step)))
        if n < LEAST_OK:
            yield Doubt(
                "too_few_samples",
                slug,
                "warn",
                f"{n} ok samples of {step}",
                f"{LEAST_OK} for a p95 at 99 %",
                "raise the rate, max_samples or max_seconds",
            )


def _not_warm(slug: str, measurement: Measurement) -> Iterator[Doubt]:
    times_ms = measurement.samples.response_ms(measurement.samples.steps[0])
    cut = mser5_cut(times_ms)
    if cut < max(COLD_SHARE * len(times_ms), 1):
        return
    ratio = times_ms[:cut].mean() / max(times_ms[cut:].mean(), 1e-9)
    if ratio > COLD_RATIO:
        yield Doubt(
            "not_warm",
            slug,
            "warn",
            f"the first {cut} of {len(times_ms)} samples took {ratio:.1f} times as long as the rest (MSER-5)",
            f"a quarter of the samples, {COLD_RATIO:g} times as long",
            f"declare a longer warm-up than {measurement.warmup} turns, or measure longer",
        )


def _drifting(slug: str, measurement: Measurement) -> Iterator[Doubt]:
    times_ms = measurement.samples.response_ms(measurement.samples.steps[0])
    z = drift_z(times_ms)
    if z is not None and abs(z) > DRIFT_Z:
        halves = [half.mean() for half in np.array_split(times_ms, 2)]
        yield Doubt(
            "drift",
            slug,
            "warn",
            f"mean {halves[0]:.2f} ms in the first half and {halves[1]:.2f} ms in the second (z = {z:.1f})",
            f"|z| of {DRIFT_Z:g} over 32 block means",
            "growing: an overload, a leak or tables that grow; falling: a longer warm-up",
        )


def _count_errors(samples: Samples, kind: str) -> int:
    if kind not in samples.errors:
        return 0
    return int(np.count_nonzero(samples.error == samples.errors.index(kind)))


_LOOKS: tuple[Callable[[str, Measurement], Iterator[Doubt]], ...] = (
    _late_generator,
    _below_offered,
    _queued_for_a_worker,
    _unanswered,
    _impossible_times,
    _too_few,
    _not_warm,
    _drifting,
)
