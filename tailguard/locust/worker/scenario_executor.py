"""One scenario on one worker of a Locust run, played by its users iteration after iteration."""

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tailguard.base.clock import Clock
from tailguard.base.errors import UsageError
from tailguard.base.secrets import mask
from tailguard.engine.iteration import Session, error_kind
from tailguard.engine.recorder import ErrorKinds, Recorder
from tailguard.engine.scenario import Scenario
from tailguard.engine.scenario_execution import NOT_SERVED, TIMED_OUT
from tailguard.http.remote_target import Shard
from tailguard.locust.messages import ScenarioLedger
from tailguard.locust.worker.arrival_shard import ArrivalShard, ClosedShard
from tailguard.locust.worker.outbox import DrainedRecorder
from tailguard.record.samples import CONFLICT, ERROR, pack_code, unpack_codes

# Of a step that has ended: "scenario.step", its service time in ms, the kind of its failure or "".
Tell = Callable[[str, float, str], None]


@dataclass(frozen=True, slots=True)
class BoundScenario:
    """What a scenario is played with: its platform and the data that it prepared."""

    scenario: Scenario
    platform: Any  # the scenario's own affair
    data: Any  # likewise


class TellingRecorder(DrainedRecorder):
    """A recorder that also tells each sample to Locust's own table."""

    __slots__ = ("_errors", "_names", "_tell")

    def __init__(self, scenario: Scenario, errors: ErrorKinds, tell: Tell) -> None:
        super().__init__()
        self._names = [f"{scenario.slug}.{step}" for step in scenario.steps]
        self._errors, self._tell = errors, tell

    def append(self, intended_ns: int, started_ns: int, ended_ns: int, code: int) -> None:
        """Keep one sample and tell it."""
        Recorder.append(self, intended_ns, started_ns, ended_ns, code)
        if code < len(self._names):  # an undisturbed ok sample's code is its step's number
            self._tell(self._names[code], (ended_ns - started_ns) / 1e6, "")
        else:
            self._tell_disturbed((ended_ns - started_ns) / 1e6, code)

    def _tell_disturbed(self, service_ms: float, code: int) -> None:
        columns = {name: int(column[0]) for name, column in unpack_codes(np.array([code])).items()}
        name, kind = self._names[columns["step"]], ""
        if columns["outcome"] == CONFLICT:
            name += " (refused)"
        elif columns["outcome"] == ERROR:
            kind = self._errors.names()[columns["error"]]
        self._tell(name, service_ms, kind)


class ExplainingSession(Session):
    """A session that keeps what the first failure of each kind said, for whoever must mend it."""

    __slots__ = ("_said",)

    def __init__(self, said: dict[str, str], *arguments: Any, **options: Any) -> None:
        """Keep it in `said`, by kind; the rest is a session's own."""
        super().__init__(*arguments, **options)
        self._said = said

    def _record_failure(self, failure: Exception) -> None:
        kind = error_kind(failure)
        if kind not in self._said:
            self._said[kind] = mask(str(failure))
        super()._record_failure(failure)


class ScenarioExecutor:
    """Plays a scenario's iterations until its share of the arrivals is closed.

    Attributes:
        lateness_ns: how late iterations began although a user was free.
        warmed_up: iterations that were run before the first sample, and not kept.
        ended: iterations that came to their end.
        thinks: whether its users pause between their iterations, as there is no schedule to follow.
        cut_off: iterations that Locust ended in the middle, by stopping their user.
        broken: why the scenario cannot be played, if it times a step that it does not declare.
        said: what the first failure or refusal of each kind said.
    """

    def __init__(self, bound: BoundScenario, arrivals: ArrivalShard, clock: Clock, tell: Tell) -> None:
        self.bound, self.arrivals = bound, arrivals
        self.thinks = isinstance(arrivals, ClosedShard)
        self.errors = ErrorKinds()
        self.recorder = TellingRecorder(bound.scenario, self.errors, tell)
        self.lateness_ns = array("q")
        self.warmed_up = self.ended = self.cut_off = self.users = 0
        self.broken = ""
        self.said: dict[str, str] = {}
        self._clock = clock
        self._playing: set[Session] = set()

    def session(self) -> Session:
        """Return a session for one more user."""
        self.users += 1
        return self._session(self.recorder)

    def play(self, session: Session) -> bool:
        """Play the next iteration of ours; False if there is none any more."""
        start = self.arrivals.claim()
        if start is None or self.broken:
            return False
        if start.late_ns >= 0:
            self.lateness_ns.append(start.late_ns)
        session.begin(start.iteration, start.due_ns)
        self._playing.add(session)
        try:
            self._run(session)
        except UsageError as error:
            self.broken = str(error)
        except BaseException:
            # Locust ends a user by throwing into it: an iteration that is ended in the middle has no sample.
            self.cut_off += session in self._playing
            raise
        finally:
            self._playing.discard(session)
        self.ended += 1
        return True

    def warm_up(self, iterations: int, shard: Shard) -> None:
        """Play iterations that are counted and not kept: connections, caches and plans are not what is measured."""
        session = self._session(Recorder())
        for number in range(iterations):
            session.begin(-1 - shard.index * iterations - number, self._clock.now_ns())
            self._run(session)
            self.warmed_up += 1

    def finish(self, drain_s: float) -> None:
        """Close the arrivals, give what is in progress time to end, and record what did not end or was never begun."""
        self.arrivals.close()
        give_up_ns = self._clock.now_ns() + int(drain_s * 1e9)
        while self._playing and self._clock.now_ns() < give_up_ns:
            self._clock.sleep_until_ns(self._clock.now_ns() + 5_000_000)
        for session in tuple(self._playing):
            self._playing.discard(session)
            session.abandon(TIMED_OUT)
        code = pack_code(0, ERROR, 0, self.errors.number(NOT_SERVED))
        now_ns = self._clock.now_ns()
        for due_ns in self.arrivals.unserved_ns():
            self.recorder.append(due_ns, now_ns, now_ns, code)

    def ledger(self) -> ScenarioLedger:
        """Return what the master must know beside the samples."""
        return ScenarioLedger(
            users=self.users,
            offered=self.arrivals.offered,
            ended=self.ended,
            warmup=self.warmed_up,
            cut_off=self.cut_off,
            broken=self.broken,
            said=self.said,
            lateness_ns=self.lateness_ns.tobytes(),
        )

    def _session(self, recorder: Recorder) -> Session:
        scenario = self.bound.scenario
        return ExplainingSession(
            self.said,
            scenario.steps,
            scenario.refusals,
            worker=0,
            clock=self._clock,
            recorder=recorder,
            errors=self.errors,
        )

    def _run(self, session: Session) -> None:
        try:
            self.bound.scenario.journey(session, self.bound.platform, self.bound.data)
        except UsageError:
            raise
        except Exception as failure:  # noqa: BLE001  # a failing journey is a sample, never the run's end
            session.fail(failure)
