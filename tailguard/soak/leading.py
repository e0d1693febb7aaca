"""A leader: plays one segment after the other, writes each, and ends the soak when its time is up."""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Event

from tailguard.engine.summary import scenario_entry
from tailguard.engine.telemetry import Telemetry
from tailguard.engine.workload import Measurement, Pace
from tailguard.judge.soak.counting import counted, counted_doubts, counted_entry
from tailguard.pipeline.preparation import Prepared
from tailguard.pipeline.progress import Progress
from tailguard.record.doubt import Doubt
from tailguard.record.samples import Samples
from tailguard.record.scenario import Invariant
from tailguard.record.soak.segments import Counters, Key, Segment, SegmentHead
from tailguard.soak.folder import SoakFolder
from tailguard.soak.plan import Plan
from tailguard.soak.readings import Readings
from tailguard.soak.segment_line import segment_line
from tailguard.soak.segments import Segments
from tailguard.soak.term import Timeline
from tailguard.suite.invariants import SkippedError
from tailguard.suite.plan import SAMPLES
from tailguard.suite.resolver import BoundScenario
from tailguard.trust.doubts import find_doubts
from tailguard.trust.suite_doubts import doubts_of_notes, unchecked

log = logging.getLogger(__name__)

# A rest of the soak shorter than this share of a segment is not worth one.
_SHORTEST_SHARE = 0.1
_NOT_KEPT = "they need all samples, and a soak keeps those of the last hour"


@dataclass(slots=True)
class Leader:
    """One term of a leader.

    Attributes:
        first: number of its first iteration; those of another term are never the same.
        stop: ends the segment at once: the term was lost, or somebody pressed Ctrl-C.
        interrupted: whether somebody did.
    """

    plan: Plan
    ready: Prepared
    folder: SoakFolder
    readings: Readings
    timeline: Timeline
    fence: int
    lines: Progress
    check_s: float
    stop: Event = field(default_factory=Event)
    interrupted: bool = False
    _last: Mapping[str, Samples] = field(default_factory=dict)

    def play(self, segments: Segments, pace: Pace, first: int) -> None:
        """Play and write segments, from number `first` on, until the time is up or somebody pressed Ctrl-C.

        Raises LeaseLostError if another may lead by now; what was not written then is lost, and counted as that.
        """
        soak, number = self.plan.soak, first
        with segments.users():
            while not self.interrupted and (left_s := soak.seconds - self.timeline.now_s()) > (
                _SHORTEST_SHARE * soak.segment_s
            ):
                began_s = self.timeline.now_s()
                with Telemetry(self.ready.run.placement.generator) as telemetry:
                    measured = segments.play(number, min(soak.segment_s, left_s), self.stop, pace)
                self.interrupted = segments.interrupted
                ended_s = self.timeline.now_s()
                counters = self._counted(measured, telemetry)
                counters |= self.readings.read(ended_s)
                self._last = {slug: each.samples for slug, each in measured.items()}
                segment = Segment(SegmentHead(number, self.fence, began_s, ended_s), counters)
                limits = {slug: self.plan.limits_of(slug) for slug in measured}
                self.folder.write_segment(segment, self._last, limits)
                last = self.interrupted or soak.seconds - ended_s <= _SHORTEST_SHARE * soak.segment_s
                self.lines.update("soak", segment_line(segment, soak.seconds), ended_s, last=last)
                number += 1

    def checked(self) -> tuple[list[Invariant], list[Doubt]]:
        """Check the invariants of all scenarios; return what was left out as doubts."""
        found: list[Invariant] = []
        doubts = [*self.ready.doubts, *doubts_of_notes(self.ready.run.notes)]
        for scenario in self.ready.scenarios:
            log.info("checking the invariants of %s", scenario.title)
            try:
                found += self._check(scenario)
            except SkippedError as skipped:
                found += skipped.found
                doubts.append(unchecked(scenario.name, str(skipped)))
        return found, doubts

    def _check(self, scenario: BoundScenario) -> list[Invariant]:
        declared = scenario.plan.scenario
        if scenario.unchecked or declared.check is None or scenario.name not in self._last:
            if scenario.unchecked:
                raise SkippedError(scenario.unchecked)
            return []
        if SAMPLES in declared.check_needs:
            raise SkippedError(_NOT_KEPT)
        return scenario.check(self._last[scenario.name], self.check_s)

    def _counted(self, measured: Mapping[str, Measurement], telemetry: Telemetry) -> dict[Key, float]:
        counters: Counter[Key] = Counter()
        entries = {slug: scenario_entry(slug, each) for slug, each in measured.items()}
        samples = {slug: each.samples for slug, each in measured.items()}
        for slug, entry in entries.items():
            counters.update(counted(samples[slug], self.plan.limits_of(slug)))
            counters.update(counted_entry(slug, entry))
        doubts = find_doubts(entries, samples, self.plan.objectives, telemetry.reading())
        found: Counters = counted_doubts(doubts)
        return {**counters, **found}
