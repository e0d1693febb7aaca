"""Whether a run's record still follows from its files: hashes, counts and quantiles, compared bit for bit."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tailguard.base.errors import UsageError
from tailguard.config.merge import config_sha256
from tailguard.engine.summary import count
from tailguard.record.files import sha256_of
from tailguard.record.run import LIVE, SAMPLES, Run
from tailguard.record.run_json import record_text

ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Difference:
    """A place where the record says something else than what was recomputed."""

    where: str
    recorded: Any
    recomputed: Any


def verify_files(run: Run) -> list[Difference]:
    """Compare the configuration's and each file's hash with the recorded one; a file without a hash differs too."""
    files = run.record["files"]
    present = {path.relative_to(run.folder).as_posix() for path in run.folder.glob("plans/*.json")}
    present |= {name for name in (SAMPLES, LIVE) if (run.folder / name).exists()}
    names = sorted(present | set(files))
    hashes = {name: sha256_of(run.folder / name) if name in present else ABSENT for name in names}
    return [
        *compare(run.record["config_sha256"], config_sha256(run.record["config"]), "config_sha256"),
        *compare({name: files.get(name, ABSENT) for name in names}, hashes, "files"),
    ]


def verify_summaries(run: Run) -> list[Difference]:
    """Recompute each scenario's counts and quantiles from the samples and compare them with the record's."""
    recorded = run.record["scenarios"]
    if not recorded and not run.samples_path.exists():
        return []  # a run that was stopped before its first sample
    try:
        samples = run.samples()
    except UsageError as error:
        return [Difference(SAMPLES, "readable", str(error))]
    recomputed = {slug: as_recorded(count(part)) for slug, part in samples.items()}
    saved = {
        slug: {name: entry.get(name) for name in recomputed.get(slug, entry)}
        for slug, entry in recorded.items()
    }
    return list(compare(saved, recomputed, "scenarios"))


def compare(recorded: Any, recomputed: Any, where: str) -> Iterator[Difference]:
    """Yield each place, as a dotted path, at which two values of JSON differ."""
    if isinstance(recorded, Mapping) and isinstance(recomputed, Mapping):
        for name in dict.fromkeys([*recorded, *recomputed]):
            yield from compare(recorded.get(name, ABSENT), recomputed.get(name, ABSENT), f"{where}.{name}")
    elif isinstance(recorded, list) and isinstance(recomputed, list) and len(recorded) == len(recomputed):
        for place, (left, right) in enumerate(zip(recorded, recomputed, strict=True)):
            yield from compare(left, right, f"{where}[{place}]")
    elif recorded != recomputed or type(recorded) is not type(recomputed):
        yield Difference(where, recorded, recomputed)


def as_recorded(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return `value` as it comes back from run.json."""
    back: dict[str, Any] = json.loads(record_text(value))
    return back
