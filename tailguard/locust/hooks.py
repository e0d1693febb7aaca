"""What the bridge to locust is handed: what a run is made of. So the bridge knows no scenario and no threshold."""

import logging
from collections.abc import Sequence
from typing import Any, Protocol  # locust's options, environment and page ship no types

from tailguard.locust.master.master import Master
from tailguard.locust.messages import Plan
from tailguard.locust.worker.worker import OpenWorkplace
from tailguard.record.scenario import ScenarioEnded

# Part of a test in which its users may arrive.
RAMP_SHARE = 0.1


class RunHooks(Protocol):
    """A run that has begun."""

    @property
    def id(self) -> str:
        """Its id."""
        ...

    @property
    def plan(self) -> Plan:
        """What the workers do."""
        ...

    def look(self, master: Master) -> bool:
        """Look at what has come so far; True if everything is decided and the run should end."""
        ...

    def finish(self, master: Master, faults: Sequence[str], ended: ScenarioEnded) -> int:
        """Judge, save and report; returns the exit code."""
        ...

    def refuse(self, because: str) -> None:
        """Keep why it ends before anything was measured; nothing is reported."""


class LoadTestHooks(Protocol):
    """What runs are made of."""

    @property
    def what(self) -> str:
        """What asks for it, in words; two that are alike are one test."""
        ...

    @property
    def open_workplace(self) -> OpenWorkplace:
        """What opens a worker's workplace, as the master says."""
        ...

    def add_options(self, parser: Any) -> None:
        """Add our command line options to locust's parser."""

    def begin(self, options: Any, host: str, slugs: Sequence[str]) -> RunHooks:
        """Begin a run; `host` is "" if none was given. Raises TailguardError if it cannot begin."""
        ...

    def attach(self, web_ui: Any) -> None:
        """Add what is ours to locust's web page."""

    def close(self) -> None:
        """End what was started for the runs."""


def choose_spawn_rate(options: Any) -> None:
    """Let all users be there after a tenth of --run-time, if --spawn-rate does not say otherwise.

    Locust's own default, one a second, has twenty users idle for a third of a test of 30 s: too few samples for its
    verdicts.
    """
    if options.headless and options.spawn_rate is None and options.num_users and options.run_time:
        options.spawn_rate = max(1.0, options.num_users / (RAMP_SHARE * options.run_time))


def take_run_time(options: Any) -> float | None:
    """Return --run-time in seconds and take it from locust, which would count log-in, warm-up and arrivals as load.

    None, and locust keeps it, if a test is started by hand on its page: there its own clock runs.
    """
    run_time_s: float | None = options.run_time
    if not options.headless or not run_time_s:
        return None
    options.run_time = None
    # It would say that there is no limit.
    logging.getLogger("locust.main").addFilter(lambda line: not line.msg.startswith("No run time limit"))
    return run_time_s


def playable_users(users: Sequence[Any], scenarios: Sequence[str]) -> list[Any]:
    """Return the users of these scenarios, and those that are not ours."""
    return [each for each in users if not hasattr(each, "scenario") or each.scenario.name in scenarios]


def keep_tagged(environment: Any, options: Any) -> None:
    """Leave out the users whose every task the tags exclude: locust would fail to start them."""
    wanted, unwanted = set(options.tags or ()), set(options.exclude_tags or ())

    def kept(user: Any) -> bool:
        tags = getattr(user.iteration, "locust_tag_set", set()) if hasattr(user, "scenario") else wanted
        return (not wanted or bool(tags & wanted)) and not tags & unwanted

    environment.user_classes = [user for user in environment.user_classes if kept(user)]
