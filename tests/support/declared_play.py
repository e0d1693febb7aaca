"""Plays declared scenarios in this process, with nothing around them: no placement, no report."""

from pathlib import Path

from tailguard.config.asked_suite import asked_suite
from tailguard.config.merge import load_config
from tailguard.engine.measure import measure
from tailguard.engine.schedule import Closed
from tailguard.engine.workload import Load, Workload
from tailguard.pipeline.built_ins import built_ins
from tailguard.pipeline.opened_suite import open_suite
from tailguard.pipeline.parts import Parts
from tailguard.suite.discovery import plans_of
from tailguard.suite.resolver import Resolver
from tailguard.suite.run import Run, Shard, Target


class Played:
    """What came of each scenario; `notes` is what was noted of the run."""

    def __init__(self, file: Path, url: str, count: int) -> None:
        config, suite = open_suite(load_config(suite=asked_suite([str(file)]), environ={}))
        run = Run("declared", config.seed)
        self.notes: dict[str, object] = run.notes
        target = Target(url, str(file))
        table = built_ins(config, run, target, Shard(), Parts(config, run.placement))
        load = Load(Closed(2, 60), max_samples=count)
        with Resolver() as resolver:
            bound = [resolver.bind(plan) for plan in plans_of(config, suite, table)]
            self.of = measure([Workload(each, load) for each in bound])
            self.invariants = {each.name: each.check(self.of[each.name].samples, 10) for each in bound}

    def kinds(self, scenario: str) -> dict[str, int]:
        """Return how often each failure came."""
        samples = self.of[scenario].samples
        counts = {kind: (samples.error == number).sum() for number, kind in enumerate(samples.errors)}
        return {kind: int(count) for kind, count in counts.items() if kind and count}

    def ok(self, scenario: str, step: str) -> int:
        """Return how many samples of a step are ok."""
        return int(self.of[scenario].samples.ok(step).sum())
