"""`locust -f scenarios`: how its runs begin.

It imports no locust.
"""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any  # locust's options and its page

import msgspec

from tailguard.base.clock import Clock
from tailguard.base.errors import TailguardError, UsageError
from tailguard.base.output import streams
from tailguard.config.merge import Config
from tailguard.judge.objectives.configured import configured_objectives
from tailguard.locust.http import fast_connections
from tailguard.locust.master.live import COLUMNS
from tailguard.locust.master.locust_run import LocustRun
from tailguard.locust.master.plan import configure, plan_of
from tailguard.locust.master.run_fixtures import Made, Order, run_fixtures
from tailguard.locust.master.tab import add_tab
from tailguard.locust.messages import Begin, Plan
from tailguard.locust.options import Selection, add_options, selection
from tailguard.locust.worker.table import Tell
from tailguard.locust.worker.workplace import FixtureWorkplace
from tailguard.pipeline.environment import describe_environment
from tailguard.pipeline.opened_suite import open_suite
from tailguard.pipeline.target import platform_of, served_target
from tailguard.record.environment import Placement
from tailguard.record.run import Run
from tailguard.record.run_record import Ended
from tailguard.suite import run as suite_run

# On a target that was used before, the first iteration's number is drawn from these, so nothing is done twice.
MOST_FIRST_ITERATION = 4_000_000

_UNPINNED = Placement(generator=None, server=None, pinned=False)


class LoadTest:
    """A suite's scenarios at its target, as tailguard.locust.hooks.LoadTestHooks."""

    what = "users(), the suite's scenarios"

    def __init__(self) -> None:
        self._fixtures = ExitStack()  # those of the last run
        self._newest: LocustRun | None = None
        self._watched = False

    def open_workplace(self, begin: Begin, clock: Clock, tell: Tell) -> FixtureWorkplace:
        """Open a worker's workplace."""
        return FixtureWorkplace(begin, clock, tell, fast_connections(begin.plan.tls))

    def add_options(self, parser: Any) -> None:
        """Add our options to locust's."""
        add_options(parser)

    def begin(self, options: Any, host: str, slugs: Sequence[str]) -> LocustRun:
        """Have the run's fixtures made and make the plan for the workers. Raises TailguardError for what cannot be."""
        self.close()
        chosen = self._served(selection(options, host), slugs)
        config = configure(chosen, slugs)
        config, suite = open_suite(config)
        objectives = configured_objectives(config, suite.steps, suite.limits)
        plan = plan_of(options, chosen, config)
        run = Run.start(
            config,
            environment=describe_environment(config.folder),
            command=[Path(sys.argv[0]).name, *sys.argv[1:]],
            objectives=objectives,
        )
        try:
            made = self._make(
                Order(selection=chosen, run=run.record.id, planned=plan.planned, target=plan.target)
            )
        except TailguardError as error:
            run.finish(Ended.BROKE_OFF, str(error))
            raise
        noted = suite_run.Run(run.record.id, config.seed, plan.planned, notes=made.noted())
        _put_what_is_measured(run, config, noted, made, plan.target)
        self._newest = LocustRun(
            run=run,
            plan=_completed(plan, run.record.id, made),
            config=config,
            scenarios=suite.scenarios,
            objectives=objectives,
            noted=noted,
            skipped=made.skipped,
            run_time_s=options.run_time,
            until_decided=bool(options.tailguard_until_decided),
            watched=self._watched,
        )
        return self._newest

    def _served(self, chosen: Selection, slugs: Sequence[str]) -> Selection:
        """Start the command of the configuration's [target], if nothing says where the target runs."""
        target = self._fixtures.enter_context(served_target(configure(chosen, slugs), _UNPINNED))
        return msgspec.structs.replace(chosen, host=target.url)

    def attach(self, web_ui: Any) -> None:
        """Add the tab "SLO" to locust's web page."""
        self._watched = True
        add_tab(web_ui, "SLO", COLUMNS, lambda: self._newest.live if self._newest else [])

    def close(self) -> None:
        """End what was started for the last run."""
        self._fixtures.close()

    def _make(self, order: Order) -> Made:
        """Have the fixtures of scope "run" made; they are kept until the next run or `close`."""
        if not order.target.url:
            say("No --host was given: the suite serves what is measured itself, for the length of this test.")
        made = self._fixtures.enter_context(run_fixtures(order))
        for slug, why in made.skipped.items():
            say(f"SKIPPED, and so neither passed nor failed: {slug}: {why}")
        if not order.planned.keys() - made.skipped.keys():
            raise UsageError(
                "None of these scenarios can be played here: there is nothing to measure. Choose other scenarios, or "
                "give the target's file the steps that were named as missing."
            )
        return made


def _completed(plan: Plan, run_id: str, made: Made) -> Plan:
    """Return the plan with the values of the fixtures that were made, and only what can be played."""
    return msgspec.structs.replace(
        plan,
        run_values=bytes(made.values),
        planned={slug: most for slug, most in plan.planned.items() if slug not in made.skipped},
        first_iteration=int(run_id, 16) % MOST_FIRST_ITERATION if plan.target.url else 0,
    )


def _put_what_is_measured(
    run: Run, config: Config, noted: suite_run.Run, made: Made, target: suite_run.Target
) -> None:
    run.put_environment(made.environment)
    platform = platform_of(config, noted, target)
    run.put_platform(msgspec.structs.replace(platform, adapter=f"{platform.adapter}, by locust"))
    run.save()


def say(text: str) -> None:
    """Tell the user, beside locust's log."""
    streams.say(*text.split("\n"), err=True)
