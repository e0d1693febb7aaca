"""Whether a run's record still follows from its files: what can be computed again is, and compared bit for bit."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from tailguard.base.errors import TailguardError
from tailguard.base.reading.regular_file import read_text
from tailguard.compare.verdicts import verdicts_of
from tailguard.compare.verification.ddl import verify_ddl
from tailguard.compare.verification.difference import (
    ABSENT,
    Difference,
    as_recorded,
    differences,
    list_differences,
    part_differences,
)
from tailguard.compare.verification.duets import verify_duet
from tailguard.compare.verification.proofs import verify_proofs
from tailguard.compare.verification.shadow import verify_shadow
from tailguard.compare.verification.soak import verify_soak
from tailguard.compare.verification.starts import verify_starts
from tailguard.config.merge import config_sha256
from tailguard.engine.iteration.slowest import found_again
from tailguard.engine.summary import summarise
from tailguard.judge.recovery import recoveries, recovery_invariants
from tailguard.record.doubt import OVERRIDDEN, Doubt
from tailguard.record.files import RECORD, REPORTS, read_seal, sha256_of
from tailguard.record.part import Json
from tailguard.record.run import LIVE, SAMPLES, Run
from tailguard.record.run_json import record_sha256
from tailguard.record.samples import Samples
from tailguard.record.shadow.answers import ANSWERS
from tailguard.record.soak.segments import SOAK_FOLDERS
from tailguard.record.verdict import ProofVerdict, Verdict
from tailguard.trust.doubts import find_doubts
from tailguard.trust.scenario_doubts import KINDS
from tailguard.trust.suite_doubts import doubts_of_overrides

# Ten times what we write at most.
_MOST_REPORT_BYTES = 20 << 20


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


def gaps(run: Run) -> list[str]:
    """Return what of the chain of runs is not here: no error, as runs are pruned and folders are moved."""
    previous = run.record.previous
    if previous is None:
        return ["no finished run came before it in its folder: the chain of runs begins here"]
    if _previous_folder(run) is None:
        return [f"the run before it, {previous.id}, is not here: it was pruned, or this folder was moved"]
    return []


def as_json(run: Run, found: Sequence[Difference], gaps: Sequence[str]) -> str:
    """Return what `verify` and `gaps` found, as `tailguard verify --json` prints it."""
    report = {
        "run": run.record.id,
        "same": not found,
        "differences": [asdict(each) for each in found],
        "gaps": list(gaps),
    }
    return json.dumps(report, ensure_ascii=False, indent=1)


def _chain(run: Run) -> Iterator[Difference]:
    """The run before it is as it was when this one began."""
    folder, previous = _previous_folder(run), run.record.previous
    if folder is not None and previous is not None:
        yield from differences(previous.sha256, record_sha256(Run.load(folder).record), "previous.sha256")


def _previous_folder(run: Run) -> Path | None:
    """The folder beside this one that ends with the id: an id from a record is data, never a path."""
    previous = run.record.previous
    beside = run.folder.parent.glob(f"*/{RECORD}")
    return next(
        (path.parent for path in beside if previous and path.parent.name.endswith(f"-{previous.id}")), None
    )


def _hashes(run: Run) -> Iterator[Difference]:
    """The record's own, the configuration's and each file's; a file without a hash differs too."""
    record = run.record
    yield from differences(record.sha256, record_sha256(record), "sha256")
    yield from differences(record.config_sha256, config_sha256(record.config.value), "config_sha256")
    present = run.raw_files()
    for name in sorted({*present, *record.files}):
        now = sha256_of(present[name]) if name in present else ABSENT
        yield from differences(record.files.get(name, ABSENT), now, f"files.{name}")


def _seed(run: Run) -> Iterator[Difference]:
    """The seed is in the configuration, too."""
    yield from differences(run.record.seed, run.record.config.value.get("seed", run.record.seed), "seed")


def _claims(run: Run) -> Iterator[Difference]:
    """Each raw file of a whole run belongs to a part of its record: a part that was taken out leaves its file."""
    if not run.complete:
        return
    record, duet = run.record, run.record.duet
    plans = [each.plan_file for entry in record.migrations for each in (entry.before, entry.after) if each]
    claimed = (
        {*plans, *(name for block in duet.blocks for name in block.files.values())} if duet else {*plans}
    )
    claimed |= {SAMPLES} if record.scenarios else set()
    claimed |= {LIVE} if record.ddl or any(entry.live for entry in record.migrations) else set()
    claimed |= {name for name in record.files if record.soak and name.startswith(SOAK_FOLDERS)}
    claimed |= {ANSWERS} if record.shadow else set()
    # What a proof or a block had written before it broke off stays.
    broken = any(entry.unproved for entry in record.migrations) or bool(duet and duet.discarded)
    for name in run.raw_files():
        if name in record.files and name not in claimed and not broken:
            yield Difference(f"files.{name}", "in no part of the record", "in the run's folder")


def _reports(run: Run) -> Iterator[Difference]:
    """The reports in the folder were made from this record, and are as they were made."""
    for name in REPORTS:
        path = run.folder / name
        if not path.exists():
            continue
        of_record, itself, now = read_seal(read_text(path, _MOST_REPORT_BYTES))
        yield from differences(of_record or ABSENT, run.record.sha256, f"{name}.record")
        yield from differences(itself or ABSENT, now, f"{name}.sha256")


def _summaries(run: Run) -> Iterator[Difference]:
    """Counts and quantiles of each scenario."""
    recorded, samples = run.record.scenarios, _samples(run)
    for slug in dict.fromkeys([*recorded, *samples]):
        yield from differences(
            as_recorded(recorded[slug].summary) if slug in recorded else ABSENT,
            as_recorded(summarise(samples[slug])) if slug in samples else ABSENT,
            f"scenarios.{slug}",
        )


def _slowest(run: Run) -> Iterator[Difference]:
    """The slowest iterations of each scenario, by their samples: which number each had, they do not say."""
    samples = _samples(run)
    for slug, entry in run.record.scenarios.items():
        for place, each in enumerate(entry.slowest):
            now = found_again(each, samples[slug]) if slug in samples else None
            yield from part_differences(each, now, f"scenarios.{slug}.slowest[{place}]")


def _samples(run: Run) -> dict[str, Samples]:
    """Return the samples; none of a run that measures no scenario, or was stopped before its first sample."""
    return run.samples() if run.record.scenarios or run.samples_path.exists() else {}


def _doubts(run: Run) -> Iterator[Difference]:
    """Those that follow from a scenario's samples. Nobody looks for them in duets, benchmarks, or before the end;
    those of a soak follow from its segments, those of a shadow run from its counts."""
    record = run.record
    if not run.complete or any(
        part is not None for part in (record.duet, record.bench, record.soak, record.shadow)
    ):
        return
    samples = _samples(run)
    measured = {slug: entry for slug, entry in record.scenarios.items() if slug in samples}
    again = find_doubts(measured, samples, record.objectives, by_locust=record.locust is not None)
    found = _by_scenario(again)
    for slug, recorded in _by_scenario([each for each in record.doubts if each.kind in KINDS]).items():
        yield from list_differences(recorded, found.pop(slug, []), f"doubts.{slug}")
    for slug, missing in found.items():
        yield from list_differences([], missing, f"doubts.{slug}")


def _by_scenario(doubts: Iterable[Doubt]) -> dict[str, list[Doubt]]:
    """Those of each scenario in their order, of scenarios alone."""
    found: dict[str, list[Doubt]] = {}
    for each in doubts:
        if each.scenario is not None:
            found.setdefault(each.scenario, []).append(each)
    return found


def _chaos(run: Run) -> Iterator[Difference]:
    """What each fault cost each scenario, and whether it recovered in time."""
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


def _overrides(run: Run) -> Iterator[Difference]:
    """Orders were obeyed between two iterations, and each change of a load is doubted."""
    overrides = run.record.overrides or ()
    for slug, samples in _samples(run).items() if overrides else ():
        for place, each in enumerate(overrides):
            if across := int(((samples.started_ns < each.at_ns) & (samples.ended_ns > each.at_ns)).sum()):
                where = f"overrides[{place}].at_ns"
                yield Difference(where, "between two iterations", f"within {across} samples of {slug}")
    recorded = [each for each in run.record.doubts if each.kind == OVERRIDDEN]
    if run.complete:
        yield from list_differences(recorded, [*doubts_of_overrides(overrides)], "doubts.overrides")


def _verdicts(run: Run) -> Iterator[Difference]:
    if run.record.exit_code is None and not run.record.verdicts:
        return  # it did not come to its judgement
    yield from differences(_by_name(run.record.verdicts), _by_name(verdicts_of(run)), "verdicts")


def _by_name(verdicts: Sequence[Verdict]) -> Json:
    """Proofs of several migrations ask the same questions; of any other name that occurs twice each one counts."""
    found: dict[str, Json] = {}
    for each in verdicts:
        name = f"{each.migration} {each.name}" if isinstance(each, ProofVerdict) else each.name
        found[f"{name} (again)" if name in found else name] = as_recorded(each)
    return found


def _exit_code(run: Run) -> Iterator[Difference]:
    if run.record.exit_code is not None:
        yield from differences(run.record.exit_code, run.record.deserved_exit_code, "exit_code")


_PARTS: Sequence[Callable[[Run], Iterator[Difference]]] = (
    _hashes,
    _seed,
    _claims,
    _summaries,
    _slowest,
    verify_starts,
    _doubts,
    _chaos,
    _overrides,
    verify_proofs,
    verify_ddl,
    verify_duet,
    verify_soak,
    verify_shadow,
    _verdicts,
    _exit_code,
    _reports,
    _chain,
)
