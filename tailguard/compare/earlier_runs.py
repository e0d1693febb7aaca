"""The runs before one that may be shown beside it: same machine, configuration, load and kind of run."""

from collections.abc import Iterator

from tailguard.base.errors import TailguardError
from tailguard.compare.comparable import differences
from tailguard.record.files import RECORD
from tailguard.record.run import Run
from tailguard.record.run_json import read_record
from tailguard.record.run_record import RunRecord

# A line of twenty points is legible, this run's among them; a folder of thousands of runs is not read for them.
MOST, _LOOKED_AT = 19, 60


def earlier_runs(run: Run) -> tuple[RunRecord, ...]:
    """Return the newest comparable runs of the same folder that began before, oldest first."""
    found = [record for record in _before(run) if _is_comparable(record, run.record)]
    return tuple(reversed(found[:MOST]))


def _before(run: Run) -> Iterator[RunRecord]:
    """Yield the records of the folder, newest first: folders are named by the time at which their runs began."""
    own = run.folder.resolve()
    paths = [path for path in own.parent.glob(f"*/{RECORD}") if path.parent.name < own.name]
    for path in sorted(paths, reverse=True)[:_LOOKED_AT]:
        try:
            yield read_record(path)
        except TailguardError:  # broken or of another version: `verify` and `history` tell it
            continue


def _is_comparable(earlier: RunRecord, record: RunRecord) -> bool:
    return _kind(earlier) == _kind(record) and not differences(earlier, record)


def _kind(record: RunRecord) -> tuple[object, ...]:
    parts = (record.duet, record.bench, record.chaos, record.locust)
    return (record.platform.adapter, record.platform.faults, *(part is None for part in parts))
