"""One scenario on one worker of a Locust run, played by its users iteration after iteration."""

from contextlib import AbstractContextManager

from tailguard.base.clock import Clock
from tailguard.base.errors import UsageError
from tailguard.engine.arrivals import Start
from tailguard.engine.recorder import ErrorKinds
from tailguard.engine.scenario_execution import ScenarioExecution, VirtualUser
from tailguard.engine.workload import Playable
from tailguard.locust.messages import ScenarioLedger
from tailguard.locust.worker.arrival_shard import ArrivalShard, OpenShard
from tailguard.locust.worker.table import Tell, tell_rows
from tailguard.suite.run import Run, Shard

_POLL_NS = 5_000_000


class ScenarioExecutor:
    """Plays a scenario's iterations until its share of the arrivals is closed.

    Attributes:
        think_s: bounds of what its users wait between two iterations; 0 if there is a schedule to follow.
        warmed_up: iterations that were run before the first sample, and not kept.
        ended: iterations that came to their end.
        cut_off: iterations that Locust ended in the middle, by stopping their user.
        broken: why the scenario cannot be played, if a step or a user of it is wrong.
    """

    def __init__(
        self,
        scenario: Playable,
        arrivals: ArrivalShard,
        clock: Clock,
        tell: Tell,
        *,
        run: Run,
        shard: Shard,
        first: int = 0,
        think_s: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        """`first` is the number of the run's first iteration."""
        self.arrivals = arrivals
        self.think_s = think_s
        self.warmed_up = self.ended = self.cut_off = self.users = 0
        self.broken = ""
        self._execution = ScenarioExecution(scenario, clock, run_id=run.id, seed=run.seed)
        self._clock, self._tell, self._shard, self._first = clock, tell, shard, first
        self._playing: dict[VirtualUser, int] = {}  # with how many bytes of their rows were told

    @property
    def steps(self) -> tuple[str, ...]:
        """The names of its steps so far."""
        return self._execution.steps.names()

    @property
    def errors(self) -> ErrorKinds:
        """The kinds of its failures and refusals so far."""
        return self._execution.errors

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of what was recorded beside the steps so far."""
        return self._execution.metrics

    def user(self) -> AbstractContextManager[VirtualUser]:
        """Make one more user in this greenlet; no two users of a run have the same number."""
        number = self._shard.index + self.users * self._shard.count
        self.users += 1
        return self._execution.user(number)

    def play(self, user: VirtualUser) -> bool:
        """Play this worker's next iteration; False if there are no more."""
        start = self.arrivals.claim()
        if start is None or self.broken:
            return False
        self._playing[user] = len(user.recorder.buffer)
        try:
            self._execution.play(user, start)
        except UsageError as error:
            self.broken = str(error)
        except BaseException:
            # Locust ends a user by throwing into it: an iteration that is ended in the middle has no sample.
            self.cut_off += user in self._playing
            raise
        finally:
            self._tell_newest(user)
        self.ended += 1
        return True

    def warm_up(self, iterations: int) -> None:
        """Play iterations that are counted and not kept: connections, caches and plans are not what is measured.

        Their numbers are negative, and as far from 0 as the run's first ones: on a target that was used before they do
        what no earlier run did. Raises UsageError if a user cannot be made, or the scenario is wrong.
        """
        with self._execution.user(self._shard.index) as user:
            unkept = self._execution.warming_up(user)
            for number in range(iterations):
                now_ns = self._clock.now_ns()
                warm = -1 - self._first - self._shard.index * iterations - number
                start = Start(warm, now_ns, -1, now_ns)
                self._execution.play(unkept, start)
                self.warmed_up += 1

    def begin(self, base_ns: int) -> None:
        """Put the beginning of a schedule, if there is one, at that instant."""
        if isinstance(self.arrivals, OpenShard):
            self.arrivals.begin(base_ns)

    def finish(self, drain_s: float) -> None:
        """Close the arrivals, give what is in progress time to end, and record what did not end or was never begun."""
        self.arrivals.close()
        give_up_ns = self._clock.now_ns() + int(drain_s * 1e9)
        while self._playing and self._clock.now_ns() < give_up_ns:
            self._clock.sleep_until_ns(self._clock.now_ns() + _POLL_NS)
        self._execution.settle(self.arrivals)
        for user in tuple(self._playing):
            self._tell_newest(user)
        tell_rows(self._tell, self._execution, self._execution.unserved.buffer)

    def drain(self) -> bytearray:
        """Return the rows of all iterations that have ended since the last time, and forget them."""
        return self._execution.drain()

    def ledger(self) -> ScenarioLedger:
        """Return what the master must know beside the samples."""
        return ScenarioLedger(
            users=self.users,
            offered=self.arrivals.offered,
            ended=self.ended,
            warmup=self.warmed_up,
            own_s=self._execution.own_s,
            cut_off=self.cut_off,
            broken=self.broken,
            first=dict(self.errors.first),
            lateness_ns=self._execution.lateness_ns.tobytes(),
        )

    def _tell_newest(self, user: VirtualUser) -> None:
        """Tell the samples of the user's iteration, which is over."""
        told = self._playing.pop(user, None)
        if told is not None:
            tell_rows(self._tell, self._execution, user.recorder.buffer[told:])
