"""What a run measures: your service, which runs already, or one that the suite starts."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tailguard.base.secrets import mask
from tailguard.config.merge import Config
from tailguard.engine.placement import choose_placement
from tailguard.http.connections import check_address
from tailguard.http.started_server import command_in, started
from tailguard.record.environment import Placement
from tailguard.record.run_record import Platform
from tailguard.suite.run import Run, Target

log = logging.getLogger(__name__)

IN_PROCESS, HTTP = "in-process", "http"


def target_of(config: Config, where: str = "target.url (--target)") -> Target:
    """Return the target that a configuration names, given `where`. Raises UsageError if it is not an address."""
    url = config.target.url.rstrip("/")
    if not url:
        return Target("")
    check_address(url, where)
    file = config.suite.existing_file if config.suite else None
    return Target(url, str(file or ""))


@contextmanager
def served_target(config: Config, placement: Placement, folder: Path | None = None) -> Iterator[Target]:
    """Yield the target; the command of its file serves it, in `folder` or that of the file, if it runs nowhere.

    Raises UsageError for an address or a command that cannot be, TailguardError if the server does not start.
    """
    target, file = target_of(config), config.suite.existing_file if config.suite else None
    command = None if target.url or file is None else command_in(file)
    if command is None or file is None:
        yield target
        return
    log.info("starting %s", Path(command.words[0]).name)
    with started(command.words, command.ready, placement, folder or file.resolve().parent) as url:
        yield Target(url, str(file))


def placement_of(config: Config, *platforms: str) -> Placement:
    """Return on which cores generator and servers run, and say so if a platform of the user's is pinned to none.

    `platforms` are those of a duet's sides, "" for the configuration's.
    """
    named = [each or config.platform for each in platforms or ("",)]
    own = next((each for each in named if each not in (IN_PROCESS, HTTP)), "")
    placement = choose_placement(pin=config.placement.pin, inside=own)
    if own:
        log.info("Nothing is pinned to cores: %s.", placement.why)
    return placement


def platform_of(config: Config, run: Run, target: Target) -> Platform:
    """Return what the record says of the platform; what it was given to fail is what a fixture noted as "faults"."""
    noted = run.notes.get("faults", ())
    faults = tuple(str(each) for each in noted) if isinstance(noted, tuple) else ()
    adapter = HTTP if target.url and config.platform == IN_PROCESS else config.platform
    return Platform(adapter=adapter, faults=faults, host=mask(config.target.url))
