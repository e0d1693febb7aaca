"""What all iterations of one scenario share in one process."""

from dataclasses import dataclass, field

from tailguard.base.clock import Clock
from tailguard.engine.iteration.answers import Answers, Refusals, error_kind
from tailguard.engine.iteration.step_names import StepNames
from tailguard.engine.recorder import ErrorKinds
from tailguard.record.samples import CONFLICT, ERROR
from tailguard.record.samples.refusals import refusal_kind


@dataclass(frozen=True, slots=True)
class IterationContext:
    """The names of a scenario's steps, metrics and failures; no metric has the name of a step."""

    run_id: str
    seed: int
    scenario: str
    clock: Clock
    steps: StepNames = field(default_factory=StepNames)
    refusals: Refusals = field(default_factory=Refusals)
    errors: ErrorKinds = field(default_factory=ErrorKinds)
    answers: Answers = field(default_factory=Answers)
    metrics: StepNames = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "metrics", StepNames(kind="metric", apart=self.steps))

    def outcome(self, failure: Exception) -> tuple[int, int]:
        """Return whether a failure is a refusal or an error, as a sample's outcome, and the number of its kind."""
        declared, kind = self.refusals.declaring(failure), error_kind(failure)
        if declared is None:
            return ERROR, self.errors.number(kind, failure)
        return CONFLICT, self.errors.number(refusal_kind(declared, kind), failure)
