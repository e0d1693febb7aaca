"""What a Locust run is planned from: options, configuration, the target."""

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any  # locust's options ship no types

from tailguard.base.errors import UsageError
from tailguard.base.secrets import remember
from tailguard.config.merge import Config, load_config
from tailguard.config.option import OptionValue
from tailguard.config.stated_load import read_think
from tailguard.config.suite_table import find_file, read_table, require_suite
from tailguard.http.tls import read_tls
from tailguard.locust.messages import Plan, ScheduleWords
from tailguard.locust.options import Selection
from tailguard.locust.schedule import parse_rates
from tailguard.locust.suite_hash import scenarios_sha256
from tailguard.pipeline import target
from tailguard.suite.run import Target

# Closed users think between their iterations. With none, twenty of them saturate a server of one core and time its
# queue. A p99 or a 1 % error rate is decided at 480 samples without a miss: with this, and an iteration of 15 ms, four
# users bring 800 in 27 s. Half of the pause brought 1,000, and on two cores uploads that waited for each other.
THINK_S = (0.08, 0.16)
# Negative iterations of warm-up, one after the other on every worker and scenario: enough for connections and caches.
MOST_WARMUP = 20


def configure(selection: Selection, slugs: Sequence[str]) -> Config:
    """Return the configuration of a run of these scenarios; no fault is made in it, as none is ours to make."""
    remember(selection.dsn or "")
    flags = {
        "scenarios": list(slugs),
        "objectives": selection.objectives,
        "platform": "http",
        "target.url": selection.host,
        "database.dsn": selection.dsn,
        "chaos.faults": [],
    }
    return load_config(selection.profile, file=selection.file, sets=selection.sets, flags=flags)


def plan_of(options: Any, selection: Selection, config: Config) -> Plan:
    """Return the plan of a run of the configured scenarios, as far as it is known before its fixtures are made.

    Raises UsageError for what cannot be.
    """
    schedules = schedules_of(options, config, config.scenarios)
    target = target_of(selection, config)
    return Plan(
        scenarios_sha256=scenarios_sha256(require_suite(config.suite)),
        target=target,
        tls=read_tls(target.file),
        planned=planned_of(config, config.scenarios, schedules),
        profile=config.profile,
        settings=settings_for_workers(config),
        warmup=min(config.load.warmup, MOST_WARMUP),
        schedules=schedules,
        think_s={} if schedules else think_of(config, config.scenarios),
        keep_raw=options.tailguard_keep_raw,
    )


def settings_for_workers(config: Config) -> dict[str, OptionValue | None]:
    """Return the values that workers measure by, without what is secret."""
    return {name: "" if each.option.secret else each.value for name, each in config.settings.items()}


def schedules_of(options: Any, config: Config, slugs: Sequence[str]) -> dict[str, ScheduleWords]:
    """Return each scenario's schedule; none if nobody asked for one: the model is closed.

    Raises UsageError for a rate or a schedule that cannot be.
    """
    if not options.tailguard_rate and not options.tailguard_schedule:
        return {}
    rates = parse_rates(options.tailguard_rate, list(slugs))
    found = {}
    for slug in slugs:
        load = config.load_of(slug)
        words = found[slug] = ScheduleWords(
            text=options.tailguard_schedule or "poisson",
            rate_per_s=rates.get(slug, load.rate_per_s),
            duration_s=float(options.run_time or load.max_seconds),
            seed=zlib.crc32(f"{config.seed}/{slug}".encode()),
        )
        words.schedule()  # one that cannot be is refused here
    return found


def think_of(config: Config, slugs: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Return the bounds, in s, of what the users of each scenario think: as it is stated, else THINK_S."""
    stated = {slug: config.load_of(slug).think for slug in slugs}
    return {slug: read_think(think) if think else THINK_S for slug, think in stated.items()}


def planned_of(
    config: Config, slugs: Sequence[str], schedules: Mapping[str, ScheduleWords]
) -> dict[str, int]:
    """Return the most iterations of each scenario: those of its schedule or, of closed users, `max_samples`."""
    return {
        slug: len(schedules[slug].schedule().starts_ns()) if schedules else config.load_of(slug).max_samples
        for slug in slugs
    }


def target_of(selection: Selection, config: Config) -> Target:
    """Return the target: at --host or [target] url, described by --tailguard-target or the configuration file.

    Raises UsageError for a file that was named and describes no target, or for a described one without an address.
    """
    path = Path(selection.target) if selection.target else find_file(selection.file)
    described = path is not None and "target" in read_table(path)[0]
    if selection.target and not described:
        raise UsageError(f"{path} has no [target]: describe the target's routes there")
    url = target.target_of(config, "--host, or url of [target],").url
    if described and not url:
        raise UsageError(f"{path} describes a target, but no --host says where it is")
    return Target(url, str(path) if described else "")
