"""What a leader writes into a soak's folder: whole files, each only while it leads, and no more than they may take."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import msgspec

from tailguard.judge.soak.counting import is_beyond
from tailguard.record.files import saving, stage, staging, subfolder, unstage
from tailguard.record.objective import Objective
from tailguard.record.run_json import encode
from tailguard.record.samples import Samples
from tailguard.record.samples.parquet import write_samples
from tailguard.record.samples.values import NO_VALUES
from tailguard.record.soak import SoakTerm
from tailguard.record.soak.segments import (
    BEYOND,
    RAW,
    SEGMENTS,
    TERMS,
    Key,
    Segment,
    SegmentHead,
    file_name,
    segment_files,
    write_segment,
)
from tailguard.soak.lease import LeaseLostError

KEEP_RAW_S = 3600.0
MOST_BEYOND_BYTES = 50 << 20


@dataclass(frozen=True, slots=True)
class SoakFolder:
    """The folder of a run that is a soak; `check` raises LeaseLostError unless this process leads."""

    path: Path
    segment_s: float
    check: Callable[[], None]

    @staticmethod
    def rehearse() -> None:
        """Load what writing takes: seconds that the first segment must not wait for."""
        write_samples(BytesIO(), {})
        write_segment(BytesIO(), Segment(SegmentHead(0, 0, 0.0, 0.0), {Key("due"): 0.0}))

    def next_segment(self) -> int:
        """Return the number after that of all segments there are, whoever wrote them."""
        return max((number for number, _, _ in segment_files(self.path / SEGMENTS)), default=-1) + 1

    def write_term(self, term: SoakTerm) -> None:
        """Write who leads from now on."""
        content = msgspec.json.format(encode(term), indent=1)
        self._write(TERMS, f"{term.fence:06}.json", lambda file: file.write(content))

    def write_segment(
        self, segment: Segment, samples: Mapping[str, Samples], limits: Mapping[str, list[Objective]]
    ) -> None:
        """Write samples, those beyond a limit, and last the counters: a segment without these never was."""
        name = file_name(segment.head.number, segment.head.fence)
        self._write(RAW, name, lambda file: write_samples(file, samples))
        beyond = {slug: _part(each, limits[slug]) for slug, each in samples.items()}
        count = sum(map(len, beyond.values()))
        has_room = self._bytes(BEYOND) < MOST_BEYOND_BYTES
        if count and has_room:
            self._write(BEYOND, name, lambda file: write_samples(file, beyond))
        told = {Key("beyond", name="kept" if has_room else "dropped"): float(count)}
        counted = replace(segment, counters={**segment.counters, **told})
        self._write(SEGMENTS, name, lambda file: write_segment(file, counted))
        self._drop_raw(segment.head.number)

    def _write(self, folder: str, name: str, fill: Callable[[BinaryIO], object]) -> None:
        """Write a file whole or not at all. Raises LeaseLostError, and writes nothing, if another may lead by now."""
        with saving(self.path):
            path = subfolder(self.path, folder) / name
            with stage(path) as file:
                fill(file)
            try:
                self.check()
            except LeaseLostError:
                staging(path).unlink()
                raise
            unstage(path)

    def _bytes(self, folder: str) -> int:
        return sum(path.stat().st_size for _, _, path in segment_files(self.path / folder))

    def _drop_raw(self, newest: int) -> None:
        for number, _, path in segment_files(self.path / RAW):
            if number <= newest - KEEP_RAW_S / self.segment_s:
                path.unlink(missing_ok=True)


def _part(samples: Samples, limits: list[Objective]) -> Samples:
    """Return those beyond a limit."""
    kept = is_beyond(samples, limits)
    names = ("intended_ns", "started_ns", "ended_ns", "step", "outcome", "error", "retries")
    return replace(samples, recorded=NO_VALUES, **{name: getattr(samples, name)[kept] for name in names})
