"""A soak's folder made without a server: segments of a minute, at a chosen latency each, by one leader or several."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from tailguard.judge.objectives import parse_objectives
from tailguard.judge.soak.counting import counted, counted_entry
from tailguard.judge.soak.found import found_in, read_soak
from tailguard.judge.soak.joining import terms_in
from tailguard.judge.soak.stated import drift_limits, window_limits
from tailguard.judge.soak.verdicts import soak_doubts
from tailguard.record.objective import Objective, Objectives
from tailguard.record.run import Run
from tailguard.record.samples import Samples
from tailguard.record.scenario import PoissonSchedule
from tailguard.record.soak import LeaseUsed, Soak, SoakTerm
from tailguard.record.soak.segments import Key, Segment, SegmentHead
from tailguard.soak.folder import SoakFolder
from tailguard.soak.plan import Plan
from tests.support.runs_by_hand import entry_of, made_run, samples_of

SEGMENT_S = 60.0
KNOWN = {"checkout": ("pay",)}


def objectives(text: str = "<= 250ms") -> Objectives:
    """p95 of the step, and the error rate."""
    limits = {"step": "pay", "p95": text}
    document = {
        "defaults": {"error_rate": "< 1%", "dependence": "independent"},
        "scenarios": {"checkout": limits},
    }
    return parse_objectives(document)


@dataclass(slots=True)
class MadeSoak:
    """A soak under way in `run`; its clock stands still between segments."""

    run: Run
    objectives: Objectives
    soak: Soak
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(7))
    now_s: float = 0.0
    number: int = 0

    @property
    def folder(self) -> SoakFolder:
        return SoakFolder(self.run.folder, SEGMENT_S, lambda: None)

    def lead(self, fence: int) -> None:
        """Begin a term."""
        self.number = self.folder.next_segment()
        self.folder.write_term(
            SoakTerm(
                fence=fence,
                owner=f"host:{fence}",
                witness="held by this session",
                began_s=1e9 + self.now_s,
                first_segment=self.number,
            )
        )

    def samples(self, median_ms: float, n: int) -> Samples:
        return samples_of("checkout", ("pay",), self.rng.lognormal(np.log(median_ms), 0.3, n))

    def play(
        self,
        fence: int,
        median_ms: float = 100.0,
        *,
        n: int = 300,
        readings: Mapping[str, float] | None = None,
        samples: Samples | None = None,
    ) -> None:
        """Measure a segment and write it."""
        slug = "checkout"
        samples = samples or self.samples(median_ms, n)
        limits = Plan(self.soak, self.objectives).limits_of(slug)
        counters = {**counted(samples, limits), **counted_entry(slug, entry_of(samples))}
        counters |= {Key("reading", name=name): value for name, value in (readings or {}).items()}
        head = SegmentHead(self.number, fence, self.now_s, self.now_s + SEGMENT_S)
        self.folder.write_segment(Segment(head, counters), {slug: samples}, {slug: limits})
        self.now_s += SEGMENT_S
        self.number += 1

    def ended(self) -> Run:
        """Sum up, as a leader does at the end."""
        soak = replace(self.soak, seconds=self.now_s, terms=terms_in(self.run.folder))
        read = read_soak(self.run.folder, soak)
        found = found_in(self.run.folder, soak, read)
        self.run.put_soak(replace(soak, found=found))
        self.run.put_doubts([*soak_doubts(read, found)])
        self.run.save()
        return self.run


def begun(
    folder: Path,
    windows: Sequence[str] = (),
    drift: Sequence[str] = (),
    more: Sequence[Objective] = (),
) -> MadeSoak:
    """Return a soak that begins, with these limits; `more` are objectives beside p95 and the error rate."""
    stated = replace(objectives(), items=(*objectives().items, *more))
    run = made_run(folder, objectives=stated)
    soak = Soak(
        seconds=3600.0,
        segment_s=SEGMENT_S,
        lease=LeaseUsed(name="soak", ttl_s=5.0),
        schedules={"checkout": PoissonSchedule(rate_per_s=5.0, seed=1, workers=8)},
        windows=tuple(window_limits(windows, KNOWN, SEGMENT_S)),
        drifts=tuple(drift_limits(drift, KNOWN)),
    )
    made = MadeSoak(run, stated, soak)
    made.lead(1)
    return made


def steady(made: MadeSoak, segments: int, level: Callable[[int], float] = lambda _: 100.0) -> MadeSoak:
    """Play so many segments under the first leader."""
    for number in range(segments):
        made.play(1, level(number), readings={"memory": 200.0 + (number % 3)})
    return made


def made_soak(folder: Path) -> Run:
    """Twelve segments by two leaders, with a late one of the first, a window's and a drift's limit."""
    made = begun(folder, ["p95 <= 250ms over 3m"], ["memory < 1MB/h"])
    steady(made, 6)
    made.now_s += 30.0
    made.lead(2)
    late = made.number
    for _ in range(6):
        made.play(2, 110.0, readings={"memory": 201.0})
    made.number, kept_s = late, made.now_s
    made.play(1)
    made.now_s = kept_s
    return made.ended()
