"""A test of somebody's own locustfile, as tailguard.locust.hooks.LoadTestHooks."""

import hashlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any  # locust's options, events and page ship no types

from locust.runners import WorkerRunner

from tailguard.base.clock import Clock
from tailguard.base.errors import UsageError
from tailguard.base.secrets import mask
from tailguard.config.merge import load_config
from tailguard.http.tls import Tls
from tailguard.locust.judged.limits import REQUESTS, objectives_of
from tailguard.locust.judged.request_log import RequestLog
from tailguard.locust.master.live import COLUMNS
from tailguard.locust.master.locust_run import LocustRun
from tailguard.locust.master.plan import configure, settings_for_workers
from tailguard.locust.master.tab import add_tab
from tailguard.locust.messages import Begin, Plan
from tailguard.locust.options import add_options_of_any, selection_of_any
from tailguard.locust.suite_hash import product_digest
from tailguard.locust.worker.outbox import Outbox
from tailguard.locust.worker.table import Tell
from tailguard.pipeline.environment import describe_environment
from tailguard.record.doubt import Doubt, Grade
from tailguard.record.run import Run
from tailguard.record.run_record import Platform
from tailguard.record.scenario import Invariant
from tailguard.suite import run as suite_run
from tailguard.suite.run import Target

if TYPE_CHECKING:
    from tailguard.locust.worker.receipts import Audience

CLOSED = Doubt(
    kind="closed_model",
    scenario=REQUESTS,
    grade=Grade.WARN,
    measured="each user waits for an answer before it asks again: what the slow answers held back was never asked",
    limit="requests that come whether or not earlier ones are answered",
    remedy="read the latencies as those of so many users; for those at a given rate write the journey as a scenario "
    "and give --tailguard-rate",
)


@dataclass(frozen=True, slots=True)
class Requests:
    """What the run knows of a locustfile beforehand; its requests' names are found while it runs."""

    title: str
    steps: tuple[str, ...] = ()


class JudgedTest:
    """The users of a locustfile, judged by these limits. Raises UsageError for limits that cannot be."""

    def __init__(self, file: Path, limits: Sequence[str]) -> None:
        self.what = f"judge({', '.join(map(repr, limits))})"
        self._file, self._limits = file, tuple(limits)
        self._newest: LocustRun | None = None
        self._watched = False
        self._events: Any = None
        self._runner: Any = None
        objectives_of(self._limits, load_config())  # a mistake ends here, before locust has begun

    def listen(self, events: Any) -> None:
        """Follow the requests that locust's events tell."""
        self._events = events
        events.init.add_listener(self._init)

    def open_workplace(self, begin: Begin, clock: Clock, tell: Tell) -> "Workplace":
        """Keep a worker's requests from now on. Raises UsageError if its locustfile is not the master's."""
        if begin.plan.scenarios_sha256 != self._sha256():
            raise UsageError(
                f"its {self._file.name} or its Tailguard is not the master's: install the same on both."
            )
        log = RequestLog(clock, lambda: self._runner.user_count, self._stop_users)
        return Workplace(log, self._events.request)

    def add_options(self, parser: Any) -> None:
        """Add our options to locust's."""
        add_options_of_any(parser)

    def begin(self, options: Any, host: str, slugs: Sequence[str]) -> LocustRun:
        """Make the plan for the workers. Raises TailguardError for what cannot be."""
        config = configure(selection_of_any(options, host), [REQUESTS])
        objectives = objectives_of(self._limits, config)
        run = Run.start(
            config,
            environment=describe_environment(config.folder),
            command=[Path(sys.argv[0]).name, *sys.argv[1:]],
            platform=Platform(adapter=f"{self._file.name}, by locust", faults=(), host=mask(host)),
            objectives=objectives,
        )
        plan = Plan(
            scenarios_sha256=self._sha256(),
            target=Target(host),
            tls=Tls(),
            planned={REQUESTS: config.load.max_samples},
            profile=config.profile,
            settings=settings_for_workers(config),
            warmup=0,
            keep_raw=options.tailguard_keep_raw,
        )
        self._newest = LocustRun(
            run=run,
            plan=plan,
            config=config,
            scenarios={REQUESTS: Requests(f"Requests of {self._file.name}")},
            objectives=objectives,
            noted=suite_run.Run(run.record.id, config.seed, plan.planned),
            skipped={},
            run_time_s=None,
            until_decided=bool(options.tailguard_until_decided),
            watched=self._watched,
            doubts=(CLOSED,),
        )
        return self._newest

    def attach(self, web_ui: Any) -> None:
        """Add the tab "SLO" to locust's web page."""
        self._watched = True
        add_tab(web_ui, "SLO", COLUMNS, lambda: self._newest.live if self._newest else [])

    def close(self) -> None:
        """Nothing was started."""

    def _stop_users(self) -> None:
        if isinstance(self._runner, WorkerRunner):  # a run without workers is stopping them already
            self._runner.stop()

    def _init(self, runner: Any, **_: Any) -> None:
        self._runner = runner

    def _sha256(self) -> str:
        digest = product_digest()
        digest.update(hashlib.sha256(self._file.read_bytes()).digest())
        return digest.hexdigest()


class Workplace:
    """A worker's requests during one run."""

    def __init__(self, log: RequestLog, event: Any) -> None:
        self.executors = {REQUESTS: log}
        self.audiences: Mapping[str, Audience] = {}
        self.skipped: Mapping[str, str] = {}
        self._log, self._event = log, event
        event.add_listener(log.take)

    def invariants(self, slug: str, outbox: Outbox) -> Sequence[Invariant]:
        """There are none: what holds in a locustfile, it checks itself."""
        return ()

    def notes(self) -> Mapping[str, str]:
        """There are none."""
        return {}

    def close(self) -> None:
        """Listen no more."""
        self._event.remove_listener(self._log.take)
