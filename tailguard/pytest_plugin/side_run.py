"""One side of one pair of a comparison: the test's call, measured in turns with the other side's."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event

import pytest

from tailguard.base.errors import TailguardError
from tailguard.config.merge import load_config
from tailguard.config.suite_table import SuiteTable
from tailguard.duet.measuring import Phases, check_origin, measure_in_turns, measured_scenario
from tailguard.duet.order import Order, PhaseTimes, SideRecord
from tailguard.engine.workload import Workload
from tailguard.pytest_plugin.question import Answer, Question
from tailguard.record.run_json import decode
from tailguard.record.samples.pack import pack_samples


@dataclass(slots=True)
class SideRun:
    """Does as `order` says; afterwards there is a `record`, or what is wrong is a `mistake`."""

    order: Order
    calls: int
    samples_path: Path
    record: SideRecord | None = None
    mistake: TailguardError | None = None
    stop: Event = field(default_factory=Event)

    @classmethod
    def told(cls, order_path: Path, calls: int, samples_path: Path) -> "SideRun":
        """Read the order."""
        return cls(decode(order_path.read_bytes(), Order), calls, samples_path)

    def compare(self, question: Question, item: pytest.Item) -> Answer:
        """Measure the call of the test; its samples go to `samples_path`."""
        try:
            self.record = self._measured(question)
        except TailguardError as error:
            self.mistake = error
            raise
        return Answer((), (), {}, self.samples_path)

    def _measured(self, question: Question) -> SideRecord:
        side = self.order.side
        config = load_config(
            side.profile, flags=side.settings, environ={}, suite=SuiteTable(Path(side.config_file))
        )
        [name] = config.scenarios
        question = replace(question, name=name, calls=self.calls)
        phases = Phases(self.order.ordered_ns)
        phases.end("start")
        workload = Workload(question.scenario(), question.load(config))
        [measured] = measure_in_turns(
            [workload], config, self.order, phases, question.players, self.stop
        ).values()
        check_origin(side, [Path(side.folder) / each for each in side.scenarios])
        pack_samples(self.samples_path, {name: measured.samples})
        phases.end("check")
        return SideRecord(
            scenarios={name: measured_scenario(question.title, measured)},
            platform=side.folder,
            faults=(),
            doubts=(),
            plans={},
            phases=PhaseTimes(**phases.seconds),
        )
