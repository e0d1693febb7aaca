"""An iteration that callbacks drive: its steps begin and end by calls of their own, and nobody waits in between."""

from tailguard.engine.iteration import Iteration
from tailguard.engine.iteration.answers import RetriedError
from tailguard.engine.recorder import pack_row
from tailguard.record.samples import OK, pack_code


class DrivenIteration(Iteration):
    """Times the steps of one virtual user's iterations, one step after another."""

    __slots__ = ("_code",)

    def begin_step(self, name: str) -> int:
        """Begin a step, and return the present instant. Raises UsageError if the scenario does not declare it."""
        self._code = self._begin_step(name)
        return self._started_ns

    def end_step(self, ended_ns: int, retries: int) -> None:
        """End the step that has begun, at that instant; it is ok."""
        started_ns, due_ns = self._started_ns, self._due_ns
        self._running = self._due_ns = None
        code = pack_code(self._code, OK, retries) if retries else self._code
        intended_ns = started_ns if due_ns is None else due_ns
        self._recorder.buffer += pack_row(intended_ns, started_ns, ended_ns, code)

    def fail_step(self, failure: Exception, retries: int) -> None:
        """End the step that has begun, now, by what the platform raised: refused, or an error."""
        self._fail_step(RetriedError(failure, retries))
