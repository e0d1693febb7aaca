"""What a Locust run is planned from: options, configuration, the target and the way to log in there."""

import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from perf.mapping.login import log_in
from perf.mapping.pools import read_pools
from perf.mapping.target import Target, load_target
from perf.reference_process import Reference
from tailguard.base.errors import UsageError
from tailguard.config.merge import FILE_NAME, Config, load_config
from tailguard.locust.options import selection
from tailguard.locust.schedule import parse_rates, parse_schedule

SECRET_VARIABLE = "DELTACROWN_SECRET"  # noqa: S105  # the name of the variable that `tailguard serve` reads


def configure(options: Any, slugs: Sequence[str]) -> Config:
    """Return the configuration of this run: the scenarios are those whose users locust was asked for."""
    chosen = selection(options)
    flags = {"scenarios": list(slugs), "objectives": options.tailguard_objectives, "platform": "http"}
    return load_config(chosen["profile"], file=chosen["file"], sets=chosen["sets"], flags=flags)


def settings_for_workers(config: Config) -> dict[str, Any]:
    """Return the values that workers measure by: no secret, and no fault, as those are put where the servers are."""
    open_ones = {name: each.value for name, each in config.settings.items() if not each.key.secret}
    return open_ones | {"chaos.faults": []}


def model(options: Any, config: Config, slugs: Sequence[str]) -> dict[str, Any]:
    """Return whether there is a schedule, and each scenario's."""
    if not options.tailguard_rate and not options.tailguard_schedule:
        return {"open_model": False, "schedules": {}}
    rates = parse_rates(options.tailguard_rate, list(slugs))
    schedules = {}
    for slug in slugs:
        load = config.scenario(slug)
        schedules[slug] = parse_schedule(
            options.tailguard_schedule or "poisson",
            rates.get(slug, load["rate_per_s"]),
            float(options.run_time or load["max_seconds"]),
            zlib.crc32(f"{config.get('seed')}/{slug}".encode()),
        )
    return {"open_model": True, "schedules": schedules}


def target_of(options: Any) -> Target | None:
    """Return the target's mapping: --tailguard-target's, or the [target] of the configuration file."""
    named = options.tailguard_target
    path = Path(named or options.tailguard_config or FILE_NAME)
    if not named and not path.exists():
        return None
    target = load_target(path)
    if target is None and named:
        raise UsageError(f"{path} has no [target]: see docs/examples/deltacrown.toml")
    return target


def packed(target: Target, host: str) -> dict[str, Any]:
    """Return the target as workers have it: its pools read and its users logged in, here and once."""
    table = {name: value for name, value in target.table.items() if name not in {"login", "pools", "ca_file"}}
    pools = read_pools(target.pools, target.folder, target.source)
    return {
        "source": target.source,
        "table": table | ({"ca_pem": target.ca_pem} if target.ca_pem else {}),
        "pools": {name: [list(pool.rows), pool.once] for name, pool in pools.items()},
        "credentials": log_in(target, host),
    }


def secret_of(reference: Reference | None) -> str:
    """Return what signs the target's tokens. Raises UsageError where we have no way to log in."""
    secret = reference.secret if reference else os.environ.get(SECRET_VARIABLE, "")
    if not secret:
        raise UsageError(
            f"There is no way to log in at this host. For a server of `tailguard serve`, set {SECRET_VARIABLE} to the "
            "one it was started with; for a platform of yours, describe its routes and its log-in with "
            "--tailguard-target FILE (docs/examples/deltacrown.toml)."
        )
    return secret
