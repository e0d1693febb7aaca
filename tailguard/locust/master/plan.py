"""What a Locust run is planned from: options, configuration, the target and the way to log in there."""

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tailguard.base.errors import UsageError
from tailguard.config.merge import Config, load_config
from tailguard.config.option import OptionValue
from tailguard.config.suite_table import find_file
from tailguard.locust.messages import ScheduleWords
from tailguard.locust.options import selection
from tailguard.locust.schedule import parse_rates


def configure(options: Any, slugs: Sequence[str]) -> Config:
    """Return the configuration of this run: the scenarios are those whose users locust was asked for."""
    chosen = selection(options)
    flags = {"scenarios": list(slugs), "objectives": options.tailguard_objectives, "platform": "http"}
    return load_config(chosen.profile, file=chosen.file, sets=chosen.sets, flags=flags)


def settings_for_workers(config: Config) -> dict[str, OptionValue | None]:
    """Return the values that workers measure by: no secret, and no fault, as those are put where the servers are."""
    open_ones = {name: each.value for name, each in config.settings.items() if not each.option.secret}
    return open_ones | {"chaos.faults": []}


def schedules_of(options: Any, config: Config, slugs: Sequence[str]) -> dict[str, ScheduleWords]:
    """Return each scenario's schedule; none if nobody asked for one: the model is closed.

    Raises UsageError for a rate or a schedule that cannot be.
    """
    if not options.tailguard_rate and not options.tailguard_schedule:
        return {}
    rates = parse_rates(options.tailguard_rate, list(slugs))
    found = {}
    for slug in slugs:
        load = config.scenario(slug)
        words = found[slug] = ScheduleWords(
            text=options.tailguard_schedule or "poisson",
            rate_per_s=rates.get(slug, load["rate_per_s"]),
            duration_s=float(options.run_time or load["max_seconds"]),
            seed=zlib.crc32(f"{config.get('seed')}/{slug}".encode()),
        )
        words.schedule()  # one that cannot be is refused here
    return found


def target_of(options: Any, parts: Any) -> Any:
    """Return the target's mapping: --tailguard-target's, or the [target] of the configuration file; None if none."""
    named = options.tailguard_target
    path = Path(named) if named else find_file(options.tailguard_config)
    target = None if path is None else parts.load_target(path)
    if target is None and named:
        raise UsageError(f"{path} has no [target]: describe the target's routes there")
    return target
