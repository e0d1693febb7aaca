"""Locust's side of a run: users, messages, events. The only file that imports locust, which patches the interpreter.

What a run is made of (target, data, judge, report) is handed in as a `Stage`, so that this file knows no scenario and
no threshold. Events come in this order on the master: test_start, spawning_complete, test_stopping, test_stop,
quitting, then the exit code is taken. Samples are fetched in `test_stopping`, while all workers still live.
"""
# Long because only one file may import locust, and what listens to its events is one conversation.

import inspect
import sys
import time
from collections.abc import Callable
from typing import Any, ClassVar

import gevent  # type: ignore[import-untyped]  # ships no types
from geventhttpclient.client import HTTPClientPool
from locust import FastHttpUser, between, events, tag, task
from locust.env import Environment
from locust.runners import LocalRunner, MasterRunner, WorkerRunner

from tailguard.base.errors import InvalidRunError, TailguardError
from tailguard.engine.scenario import Scenario
from tailguard.locust.clock import LoopClock
from tailguard.locust.hooks import Stage, choose_spawn_rate, keep_playable, keep_tagged
from tailguard.locust.http import FastWire, use_pool
from tailguard.locust.master.master import Master
from tailguard.locust.worker.table import teller
from tailguard.locust.worker.worker import Message, Worker

PREFIX = "tailguard."
TO_WORKER, TO_MASTER = (
    ("begin", "go", "renew", "collect", "settle"),
    ("hello", "ready", "chunk", "ledger", "settled"),
)
LOCAL = "local"  # what locust calls the only node of a run without workers
# A user without a turn (the run has not begun, or is over) looks again after this.
IDLE_S = 0.25
# A look at all samples so far takes the master's loop: at most one part in so many of its time.
LOOK_SHARE = 20
# Closed users think between their turns. With none, twenty of them saturate a server of one core and time its queue.
# A p99 or a 1 % error rate is decided at 480 samples without a miss: with this, and a turn of 15 ms, four users bring
# 800 in 27 s. Half of the pause brought 1,000, and on two cores uploads that waited for each other.
THINK_S = (0.08, 0.16)

_think = between(*THINK_S)


class JourneyUser(FastHttpUser):
    """Plays one scenario. Its HTTP is FastHttpUser's, its connections its own."""

    abstract = True
    scenario: ClassVar[Scenario]
    concurrency = 1
    connection_timeout = network_timeout = (
        10.0  # what a platform gives a statement; who waits longer has gone
    )
    insecure = False

    def __init__(self, environment: Environment) -> None:
        """Check certificates as the target's mapping says."""
        self.ssl_context_factory = _bridge().tls
        super().__init__(environment)

    def on_start(self) -> None:
        """Wait until the run goes, and take our part."""
        use_pool(self.client.client.clientpool)
        role = _bridge().worker_role(self.scenario.slug)
        self._role, self._session = role, role and role.session()

    def play(self) -> None:
        """Play a turn."""
        if self._role is None or not self._role.play(self._session):
            gevent.sleep(IDLE_S)

    def wait_time(self) -> float:
        """Think, where the model is closed; a schedule has starts instead. In seconds."""
        if self._role is not None and not self._role.thinks:
            return 0.0
        return float(_think(self))


def user_class(scenario: Scenario) -> type[JourneyUser]:
    """Return the User of a scenario: registration gives RegistrationUser, tagged with its slug and its needs."""
    name = "".join(word.capitalize() for word in scenario.slug.split("_")) + "User"

    def turn(user: JourneyUser) -> None:
        user.play()

    body = {
        "scenario": scenario,
        "abstract": False,
        # Locust takes two classes of one name and one file for the same: this one is of the scenario's file.
        "__module__": scenario.journey.__module__,
        "__doc__": scenario.title,
        "turn": tag(scenario.slug, *sorted(scenario.needs))(task(turn)),
    }
    return type(name, (JourneyUser,), body)


class Bridge:
    """Carries words between locust and the two parts that run a test: a Master here, Workers there."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._worker: Worker | None = None
        self._master: Master | None = None
        self._faults: list[str] = []
        self._because: str | None = None
        self._decided = False
        self._clock = LoopClock()

    def listen(self) -> None:
        """Take part in whatever locust does in this process."""
        hooks: Any = events  # its methods ship no types
        hooks.init_command_line_parser.add_listener(lambda parser, **_: self.stage.add_options(parser))
        hooks.init.add_listener(self._init)
        hooks.test_start.add_listener(self._test_start)
        hooks.spawning_complete.add_listener(self._spawned)
        hooks.test_stopping.add_listener(self._test_stopping)
        hooks.test_stop.add_listener(self._test_stop)

    def tls(self) -> Any:
        """Return how certificates are checked in the run at hand."""
        return self.stage.tls()

    def worker_role(self, slug: str) -> Any:
        """Return the role of this process in a scenario, once the run goes."""
        while self._worker is None:  # a worker that joins late is given users before locust says `init`
            gevent.sleep(IDLE_S)
        return self._worker.role(slug)

    def _init(self, environment: Environment, runner: Any, web_ui: Any = None, **_: Any) -> None:
        options: Any = environment.parsed_options
        self._environment, self._runner, self._options = environment, runner, options
        # Fired in reverse order: added now, after the runner's own, ours comes before that one stops everything.
        hooks: Any = environment.events
        hooks.quitting.add_listener(self._quitting)
        keep_tagged(environment, self._options)
        choose_spawn_rate(self._options)
        if isinstance(runner, WorkerRunner | LocalRunner):
            fire: Any = events.request.fire
            self._worker = Worker(self._to_master, self.stage.open_workplace, self._clock, teller(fire))
            for kind in TO_WORKER:
                runner.register_message(PREFIX + kind, self._taker(kind, self._worker_takes), concurrent=True)
        if isinstance(runner, MasterRunner | LocalRunner):
            for kind in TO_MASTER:
                runner.register_message(PREFIX + kind, self._taker(kind, self._master_takes))
            try:
                environment.host = self.stage.find_host(self._options)
                keep_playable(environment, self.stage.playable)
            except TailguardError as error:
                _say(f"Error: {error}")
                sys.exit(error.exit_code)
            if web_ui is not None:
                self.stage.attach(web_ui)
        if isinstance(runner, WorkerRunner):
            self._to_master("hello", {})  # only now can we take a message: what came before is lost
        # All that was loaded so far took seconds in which the loop stood still: without this, --run-time, which is
        # counted on the loop's own clock, would end that much too early.
        gevent.get_hub().loop.update_now()

    def _test_start(self, environment: Environment, **_: Any) -> None:
        if not isinstance(environment.runner, MasterRunner | LocalRunner):
            return
        slugs = [each.scenario.slug for each in self._runner.user_classes if hasattr(each, "scenario")]
        try:
            run, plan = self.stage.begin(
                self._options, environment.host or "", slugs, self._runner.target_user_count
            )
            self._faults, self._because, self._decided = [], None, False
            self._master = Master(run, plan, self._to_worker, self._alive)
            self._master.open(self._workers())
            # Locust's stop asks who called it: its first inspect.stack() finds the source of every loaded module, for
            # 0.3 s in which all users stand still and their last turns would be the platform's slowest. The second
            # one knows them.
            inspect.stack()
            if not plan["open_model"]:
                self._master.go()
            gevent.spawn(self._watch, self._master)
        except TailguardError as error:
            self._refuse(error)

    def _refuse(self, error: TailguardError) -> None:
        _say(f"Error: {error}")
        if self._master is not None:
            self.stage.refuse(str(error), error.exit_code)
            self._master = None
        self._environment.process_exit_code = error.exit_code
        gevent.spawn(self._runner.quit if self._options.headless else self._runner.stop)

    def _spawned(self, user_count: int, **_: Any) -> None:
        if self._master is not None and self._master.went_ns is None:
            self._master.go()

    def _watch(self, master: Master) -> None:
        """Look at the samples now and then, and end the run once everything is decided."""
        cost_s = 0.0
        while self._master is master and master.closed_ns is None:
            gevent.sleep(max(1.0, LOOK_SHARE * cost_s))
            began_s = time.monotonic()
            decided = master.went_ns is not None and self.stage.look(master)
            cost_s = time.monotonic() - began_s
            if (renewal := self.stage.renewal()) is not None:
                master.renew(renewal)
            if decided and master.closed_ns is None:
                self._decided = True
                _say("Every objective is decided: ending the run.")
                (self._runner.quit if self._options.headless else self._runner.stop)()
                return

    def _test_stopping(self, **_: Any) -> None:
        if self._master is not None and self._master.closed_ns is None:
            self._master.collect()
            self._faults = self._master.settle()

    def _test_stop(self, **_: Any) -> None:
        master, self._master = self._master, None
        if master is not None:
            code = self.stage.finish(master, self._faults, self._because, decided=self._decided)
            self._environment.process_exit_code = code

    def _quitting(self, **_: Any) -> None:
        """Locust ends: by itself after a run, which is then collected already, or because it was told to."""
        if self._master is not None:
            self._because = "interrupted by the user"
            self._test_stopping()
            self._test_stop()
        if self._worker is not None:
            self._worker.collect()
            self._worker.close()
        if not isinstance(self._runner, WorkerRunner):
            self.stage.close()
            if self._environment.process_exit_code is None and self._options.headless:
                _say(
                    "Error: this test ended before its run began, so nothing was measured. Give it a longer --run-time."
                )
                self._environment.process_exit_code = InvalidRunError.exit_code

    def _workers(self) -> list[str]:
        if isinstance(self._runner, LocalRunner):
            return [LOCAL]
        clients = self._runner.clients
        return [each.id for each in (*clients.ready, *clients.spawning, *clients.running)]

    def _alive(self, worker: str) -> bool:
        if worker == LOCAL:
            return True
        clients = self._runner.clients
        return worker in clients and clients[worker].state != "missing"

    def _to_master(self, kind: str, message: Message) -> None:
        self._runner.send_message(PREFIX + kind, dict(message))

    def _to_worker(self, kind: str, worker: str, message: Message) -> None:
        self._runner.send_message(PREFIX + kind, dict(message), worker)

    def _taker(self, kind: str, take: Callable[[str, str, Message], None]) -> Callable[..., None]:
        return lambda environment, msg, **_: take(kind, msg.node_id, msg.data)

    def _worker_takes(self, kind: str, _: str, message: Message) -> None:
        assert self._worker is not None
        self._worker.take(kind, message)

    def _master_takes(self, kind: str, worker: str, message: Message) -> None:
        if self._master is None:
            return
        if kind == "hello":
            self._master.admit(worker)
        else:
            self._master.take(kind, worker, message)


_current: list[Bridge] = []


def install(stage: Callable[[], Stage]) -> None:
    """Listen to locust in this process, once however many scenario files ask for it."""
    if not _current:
        _current.append(Bridge(stage()))
        _current[0].listen()


def fast_wire() -> FastWire:
    """Return HTTP for an adapter: FastHttpUser's connections, those of the user whose greenlet is asking."""
    limits = {
        "connection_timeout": JourneyUser.connection_timeout,
        "network_timeout": JourneyUser.network_timeout,
    }
    return FastWire(lambda: HTTPClientPool(concurrency=1, ssl_context_factory=_bridge().tls, **limits))


def _bridge() -> Bridge:
    return _current[0]


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
