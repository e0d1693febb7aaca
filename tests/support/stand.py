"""A scenario on a clock, ready to be run window by window: for the tests of the engine."""

from tailguard.engine.dispatch_window import DispatchWindow, WindowSpec
from tailguard.engine.runner import Job
from tailguard.engine.scenario_execution import ScenarioExecution
from tailguard.engine.workload import PlainScenario

MS = 1_000_000
S = 1000 * MS


class Stand:
    """One execution, and windows of it."""

    def __init__(self, scenario, clock, users=1):
        """`scenario` may be a journey alone."""
        if callable(scenario):
            scenario = PlainScenario("some", scenario, ("go",))
        self.clock, self.users = clock, users
        self.execution = ScenarioExecution(scenario, clock)

    def job(
        self,
        starts_ns,
        *,
        first=0,
        end=10**6,
        from_ns=0,
        length_ns=S,
        patience_ns=S,
        numbered_from=0,
        warmup=False,
    ):
        spec = WindowSpec(starts_ns, first, end, from_ns, length_ns, patience_ns, numbered_from, warmup)
        return Job(self.execution, self.users, DispatchWindow(spec, self.clock))

    def samples(self):
        return self.execution.samples()

    def errors(self):
        """The kind of each sample, "" if it is none."""
        samples = self.samples()
        return [samples.errors[number] for number in samples.error]
