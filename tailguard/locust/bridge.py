"""Locust's side of a run: messages and events. Importing locust patches the interpreter.

What a run is made of (fixtures, plan, judge, report) is handed in as `LoadTestHooks`, so that this file knows no
scenario and no threshold. Events come in this order on the master: test_start, spawning_complete, test_stopping,
test_stop, quitting, then the exit code is taken. Samples are fetched in `test_stopping`, while all workers still live.
"""

import inspect
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Sequence
from functools import partial
from typing import Any

import gevent  # type: ignore[import-untyped]  # ships no types
import msgspec
from locust import User, events
from locust.env import Environment
from locust.runners import LocalRunner, MasterRunner, WorkerRunner

from tailguard.base.errors import InvalidRunError, TailguardError
from tailguard.base.output import streams
from tailguard.base.ports import LOOPBACK
from tailguard.locust.clock import ClockPair, LoopClock
from tailguard.locust.dispatcher import dispatcher_of
from tailguard.locust.hooks import (
    LoadTestHooks,
    RunHooks,
    choose_spawn_rate,
    keep_tagged,
    playable_users,
    take_run_time,
)
from tailguard.locust.master.master import Master
from tailguard.locust.master.workforce import Workforce, mind_workers
from tailguard.locust.messages import Hello, Ready, ToMaster, ToWorker, for_worker, packed, run_of
from tailguard.locust.options import withhold
from tailguard.locust.run_key import refuse_without_key
from tailguard.locust.sealed_sockets import end, seal_sockets
from tailguard.locust.worker.scenario_executor import ScenarioExecutor
from tailguard.locust.worker.table import teller
from tailguard.locust.worker.worker import Worker
from tailguard.record.scenario import ScenarioEnded

# Locust's own names of our two kinds of messages.
TO_WORKER, TO_MASTER = "tailguard.to_worker", "tailguard.to_master"
# A user without an iteration (the run has not begun, or is over) looks again after this.
IDLE_S = 0.25
TOO_SHORT = "this test ended before its run began, so nothing was measured. Give it a longer --run-time."
# How exactly a run's time is taken; and what its last users are given to come after the time that their rate needs.
GONE_S, USERS_S = 0.02, 60.0
# A look at all samples so far blocks the master's loop: at most one part in this many of its time.
LOOK_SHARE = 20


class Bridge:
    """Carries messages between locust and the two parts that run a test: a Master here, Workers there."""

    def __init__(self, load_test: LoadTestHooks) -> None:
        self.load_test = load_test
        self._worker: Worker | None = None
        self._master: Master | None = None
        self._run: RunHooks | None = None  # from its plan to its verdicts
        self._faults: list[str] = []
        self._ended = ScenarioEnded.RUN_TIME
        self._ending = threading.Lock()
        self._clock = LoopClock()
        self._withheld = Namespace()
        self._run_time_s: float | None = None  # what --run-time leaves to us
        self._exit_code = 0

    def listen(self) -> None:
        """Take part in whatever locust does in this process. Raises UsageError for a run key that cannot be used."""
        self._key = seal_sockets()
        hooks: Any = events  # its methods ship no types
        hooks.init_command_line_parser.add_listener(self._add_options)
        hooks.init.add_listener(self._init)
        hooks.test_start.add_listener(self._test_start)
        hooks.spawning_complete.add_listener(self._spawned)
        hooks.test_stopping.add_listener(self._test_stopping)
        hooks.test_stop.add_listener(self._test_stop)

    def playable(self, users: Sequence[type[User]]) -> list[type[User]]:
        """Return the users that have something to do in the run at hand."""
        return list(users) if self._run is None else playable_users(users, self._run.plan.scenarios)

    def executor(self, slug: str) -> ScenarioExecutor | None:
        """Return who plays a scenario in this process, once the run goes."""
        while self._worker is None:  # a worker that joins late is given users before locust says `init`
            gevent.sleep(IDLE_S)
        found = self._worker.executor(slug)
        assert found is None or isinstance(found, ScenarioExecutor)  # only Tailguard's own users ask for it
        return found

    def _add_options(self, parser: Any, **_: Any) -> None:
        # Both would listen on all interfaces: anybody on the network could send load, and the users' tokens, anywhere.
        parser.set_defaults(master_bind_host=LOOPBACK, web_host=LOOPBACK)
        self.load_test.add_options(parser)

    def _init(self, environment: Environment, runner: Any, web_ui: Any = None, **_: Any) -> None:
        options: Any = environment.parsed_options
        self._environment, self._runner, self._options = environment, runner, options
        # Fired in reverse order: added now, after the runner's own, ours comes before that one stops everything.
        hooks: Any = environment.events
        hooks.quitting.add_listener(self._quitting)
        # The first is asked last, after a locustfile's own listeners, which may set an exit code and know no verdict.
        hooks.quitting._handlers.insert(0, self._keep_exit_code)  # noqa: SLF001  # locust has no other way
        plays = any(hasattr(each, "scenario") for each in environment.user_classes)
        if plays:
            keep_tagged(environment, self._options)
            environment.dispatcher_class = dispatcher_of(self.playable)
            choose_spawn_rate(self._options)
        if isinstance(runner, WorkerRunner | LocalRunner):
            fire: Any = events.request.fire
            workplace = self.load_test.open_workplace
            self._worker = Worker(self._to_master, workplace, self._clock, teller(fire))
            runner.register_message(TO_WORKER, self._worker_takes, concurrent=True)
        if isinstance(runner, MasterRunner | LocalRunner):
            runner.register_message(TO_MASTER, self._master_takes)
            self._withheld = withhold(options)
            if web_ui is not None:
                self.load_test.attach(
                    web_ui
                )  # before the run of --autostart begins, which asks if somebody watches
            self._open(runner)
            if options.processes and options.headless:
                gevent.spawn(self._mind_workers, options.processes)
            if plays and environment.shape_class is None:
                self._run_time_s = take_run_time(self._options)
        if isinstance(runner, WorkerRunner):
            self._to_master(Hello())  # only now can we take a message: what came before is lost
        # All that was loaded so far took seconds in which the loop stood still: without this, --run-time, which is
        # counted on the loop's own clock, would end that much too early.
        gevent.get_hub().loop.update_now()

    def _test_start(self, environment: Environment, **_: Any) -> None:
        if not isinstance(environment.runner, MasterRunner | LocalRunner):
            return
        try:
            run = self._run = self._run or self._begin()
            self._faults, self._ended = [], ScenarioEnded.RUN_TIME
            workforce = Workforce(environment.runner, self._options.processes or 0)
            alive = partial(self._is_there, workforce)
            self._master = Master(run.id, run.plan, self._to_worker, alive)
            workers = workforce.names()
            self._master.open(workers)
            while any(alive(each) and not workforce.is_heard(each) for each in workers):
                gevent.sleep(IDLE_S)  # locust gives users to none that it has not heard lately
            # Locust's stop asks who called it: its first inspect.stack() finds the source of every loaded module, for
            # 0.3 s in which all users stand still and their last iterations would be the platform's slowest. The
            # second one knows them.
            inspect.stack()
            if not run.plan.schedules:
                self._master.go()
            gevent.spawn(self._watch, run, self._master)
            if self._run_time_s:
                gevent.spawn(self._count_down, self._master, self._run_time_s)
        except TailguardError as error:
            self._refuse(error)

    def _open(self, runner: MasterRunner | LocalRunner) -> None:
        try:
            if isinstance(runner, MasterRunner):
                refuse_without_key(runner.master_bind_host, self._key())
            if self._options.headless or self._options.autostart:  # before the clock of --run-time starts
                self._run = self._begin()
        except TailguardError as error:
            end(error)

    def _mind_workers(self, expected: int) -> None:
        try:
            mind_workers(expected, lambda: self._master is not None)
        except InvalidRunError as error:
            self._give_up(error)
            self._runner.quit()
            self.load_test.close()
            sys.exit(error.exit_code)  # gevent hands it to the main greenlet, which waits for them

    def _begin(self) -> RunHooks:
        slugs = [each.scenario.name for each in self._runner.user_classes if hasattr(each, "scenario")]
        options = Namespace(**{**vars(self._options), **vars(self._withheld)})
        return self.load_test.begin(options, self._environment.host or "", slugs)

    def _refuse(self, error: TailguardError) -> None:
        self._give_up(error)
        gevent.spawn(self._runner.quit if self._options.headless else self._runner.stop)

    def _give_up(self, error: TailguardError) -> None:
        """Keep why the run at hand ends before anything was measured."""
        _say(f"Error: {error}")
        run, self._run, self._master = self._run, None, None
        if run is not None:
            run.refuse(str(error))
        self._exit_with(error.exit_code)

    def _spawned(self, user_count: int, **_: Any) -> None:
        if self._master is not None and self._master.went_ns is None:
            self._master.go()

    def _count_down(self, master: Master, run_time_s: float) -> None:
        """End the run after its --run-time, which begins with the first iteration."""
        until_s = time.monotonic() + USERS_S + self._options.num_users / self._options.spawn_rate
        while master.went_ns is None and time.monotonic() < until_s:
            gevent.sleep(GONE_S)
        _say(f"Everybody is there: the --run-time of {run_time_s:g} s begins.")
        gevent.sleep(run_time_s)
        self._runner.quit()

    def _watch(self, run: RunHooks, master: Master) -> None:
        """Look at the samples now and then, and end the run once everything is decided."""
        cost_s = 0.0
        while True:
            gevent.sleep(max(1.0, LOOK_SHARE * cost_s))
            if self._master is not master or master.closed_ns is not None:
                return  # its samples are handed over: a look now would find, and save, none
            began_s = time.monotonic()
            decided = master.went_ns is not None and run.look(master)
            cost_s = time.monotonic() - began_s
            if decided:
                self._ended = ScenarioEnded.DECIDED
                _say("Every objective is decided: ending the run.")
                (self._runner.quit if self._options.headless else self._runner.stop)()
                return

    def _test_stopping(self, **_: Any) -> None:
        gevent.spawn(self._collect).join()

    def _test_stop(self, **_: Any) -> None:
        gevent.spawn(self._finish).join()

    def _collect(self) -> None:
        """Fetch what was measured. In a greenlet of its own, as `_finish`: locust kills those that it calls us in."""
        with self._ending:
            if self._master is not None and self._master.closed_ns is None:
                self._master.collect()
                self._faults = self._master.settle()

    def _finish(self) -> None:
        with self._ending:
            run, master = self._run, self._master
            if run is not None and master is not None:
                self._run = self._master = None
                self._exit_with(run.finish(master, self._faults, self._ended))

    def _quitting(self, **_: Any) -> None:
        """Locust ends: by itself after a run, which is collected already or about to be, or because it was told to."""
        if self._master is not None and self._master.closed_ns is None:
            self._ended = ScenarioEnded.INTERRUPTED
        self._collect()
        self._finish()
        if self._worker is not None:
            self._worker.collect()
            self._worker.close()
        if not isinstance(self._runner, WorkerRunner):
            self.load_test.close()
            if self._environment.process_exit_code is None and self._options.headless:
                self._give_up(InvalidRunError(TOO_SHORT))

    def _exit_with(self, code: int) -> None:
        self._environment.process_exit_code = self._exit_code = code

    def _keep_exit_code(self, **_: Any) -> None:
        """Let nobody turn anything but a PASS into success. A PASS leaves another's failure alone."""
        if self._exit_code:
            self._environment.process_exit_code = self._exit_code

    def _is_there(self, workforce: Workforce, worker: str) -> bool:
        preparing = self._master is not None and self._master.went_ns is None
        return workforce.is_there(worker, preparing=preparing)

    def _to_master(self, message: ToMaster) -> None:
        self._runner.send_message(TO_MASTER, packed(message))

    def _to_worker(self, worker: str, message: ToWorker) -> None:
        self._runner.send_message(TO_WORKER, packed(message), worker)

    def _worker_takes(self, msg: Any, **_: Any) -> None:
        assert self._worker is not None
        try:
            self._worker.take(for_worker(msg.data))
        except msgspec.ValidationError as error:
            why = (
                f"its Tailguard does not understand the master's ({error}): install the same version on both"
            )
            self._to_master(Ready(run=run_of(msg.data), why=why, clock=ClockPair.now()))

    def _master_takes(self, msg: Any, **_: Any) -> None:
        if self._master is not None:
            self._master.hear(msg.node_id, msg.data)


def _say(text: str) -> None:
    streams.say(*text.split("\n"), err=True)
