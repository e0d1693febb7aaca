"""Whether a run's record still follows from its files: what can be computed again is, and compared bit for bit."""

from collections.abc import Callable, Iterator, Sequence

from tailguard.base.errors import TailguardError
from tailguard.compare.difference import (
    ABSENT,
    Difference,
    as_recorded,
    differences,
    list_differences,
    part_differences,
)
from tailguard.compare.gate import looks_at
from tailguard.compare.gate_quality import gate_quality
from tailguard.compare.proof_verification import verify_proofs
from tailguard.compare.verdicts import compare_duet, verdicts_of
from tailguard.config.merge import config_sha256
from tailguard.engine.summary import summarise
from tailguard.judge.recovery import recoveries, recovery_invariants
from tailguard.record.files import sha256_of
from tailguard.record.part import Json
from tailguard.record.run import Run
from tailguard.record.run_json import record_sha256
from tailguard.record.samples import Samples
from tailguard.record.scenario import SampleSummary, ScenarioEntry
from tailguard.record.verdict import ProofVerdict, Verdict
from tailguard.trust.scenario_doubts import KINDS, doubts_of_scenario


def verify(run: Run) -> list[Difference]:
    """Return each place where the record of a run, as it was loaded, does not follow from its files."""
    found: list[Difference] = []
    for part in _PARTS:
        try:
            found += part(run)
        except TailguardError as error:  # a raw file that cannot be read: each part that needs it says so
            unreadable = Difference("files", "readable", str(error))
            found += [] if unreadable in found else [unreadable]
    return found


def _hashes(run: Run) -> Iterator[Difference]:
    """The record's own, the configuration's and each file's; a file without a hash differs too."""
    record = run.record
    yield from differences(record.sha256, record_sha256(record), "sha256")
    yield from differences(record.config_sha256, config_sha256(record.config.value), "config_sha256")
    present = run.raw_files()
    for name in sorted({*present, *record.files}):
        now = sha256_of(present[name]) if name in present else ABSENT
        yield from differences(record.files.get(name, ABSENT), now, f"files.{name}")


def _summaries(run: Run) -> Iterator[Difference]:
    """Counts and quantiles of each scenario."""
    recorded, samples = run.record.scenarios, _samples(run)
    for slug in dict.fromkeys([*recorded, *samples]):
        yield from differences(
            _summary_of(recorded[slug]) if slug in recorded else ABSENT,
            as_recorded(summarise(samples[slug])) if slug in samples else ABSENT,
            f"scenarios.{slug}",
        )


def _samples(run: Run) -> dict[str, Samples]:
    """Return the samples; none of a run that measures no scenario, or was stopped before its first sample."""
    return run.samples() if run.record.scenarios or run.samples_path.exists() else {}


def _summary_of(entry: ScenarioEntry) -> Json:
    summary = SampleSummary(
        counts=entry.counts,
        retries=entry.retries,
        errors=entry.errors,
        refusals=entry.refusals,
        steps=entry.steps,
    )
    return as_recorded(summary)


def _doubts(run: Run) -> Iterator[Difference]:
    """Those that follow from a scenario's samples. Nobody looks for them in duets, benchmarks, or before the end."""
    if not run.complete or run.record.duet is not None or run.record.bench is not None:
        return
    samples, by_locust = _samples(run), run.record.locust is not None
    for slug, entry in run.record.scenarios.items():
        recorded = [each for each in run.record.doubts if each.scenario == slug and each.kind in KINDS]
        again = (
            [*doubts_of_scenario(slug, entry, samples[slug], run.record.objectives, by_locust=by_locust)]
            if slug in samples
            else []
        )
        yield from list_differences(recorded, again, f"doubts.{slug}")


def _chaos(run: Run) -> Iterator[Difference]:
    """What each fault cost each scenario, and whether it was well again in time."""
    chaos = run.record.chaos
    if chaos is None:
        return
    again = recoveries(_samples(run), chaos.windows, chaos.outages)
    for slug, entry in run.record.scenarios.items():
        mine = [each for each in chaos.recoveries if each.scenario == slug]
        mine_again = [each for each in again if each.scenario == slug]
        yield from list_differences(mine, mine_again, f"chaos.recoveries.{slug}")
        if run.complete:  # else it may not have come to its invariants
            promised = recovery_invariants(chaos, slug)
            names = {each.name for each in promised}
            kept = [each for each in entry.invariants if each.name in names]
            yield from list_differences(kept, promised, f"scenarios.{slug}.invariants")


def _duet(run: Run) -> Iterator[Difference]:
    """What is watched besides the verdicts, when the duet could end, and how good its gate is."""
    duet = run.record.duet
    if duet is None:
        return
    again = compare_duet(run, duet)
    yield from list_differences(duet.watched, again.watched, "duet.watched")
    yield from differences([*duet.looks], [*looks_at(duet.budget.pairs)], "duet.looks")
    yield from part_differences(duet.quality, gate_quality(again.noise, duet.budget.pairs), "duet.quality")


def _verdicts(run: Run) -> Iterator[Difference]:
    if run.record.exit_code is None and not run.record.verdicts:
        return  # it did not come to its judgement
    yield from differences(_by_name(run.record.verdicts), _by_name(verdicts_of(run)), "verdicts")


def _by_name(verdicts: Sequence[Verdict]) -> Json:
    """Proofs of several migrations ask the same questions."""
    return {
        f"{each.migration} {each.name}" if isinstance(each, ProofVerdict) else each.name: as_recorded(each)
        for each in verdicts
    }


def _exit_code(run: Run) -> Iterator[Difference]:
    if run.record.exit_code is not None:
        yield from differences(run.record.exit_code, run.record.deserved_exit_code, "exit_code")


_PARTS: Sequence[Callable[[Run], Iterator[Difference]]] = (
    _hashes,
    _summaries,
    _doubts,
    _chaos,
    verify_proofs,
    _duet,
    _verdicts,
    _exit_code,
)
