"""What a run measures: a service of yours that runs already, or what the suite starts itself."""

from tailguard.base.secrets import mask
from tailguard.config.merge import Config
from tailguard.http.connections import check_address
from tailguard.record.run_record import Platform
from tailguard.suite.run import Run, Target

IN_PROCESS, HTTP = "in-process", "http"


def target_of(config: Config, where: str = "target.url (--target)") -> Target:
    """Return the target that a configuration names, given `where`. Raises UsageError if it is not an address."""
    url = config.target.url.rstrip("/")
    if not url:
        return Target("")
    check_address(url, where)
    return Target(url, str(config.suite.file) if config.suite else "")


def platform_of(config: Config, run: Run) -> Platform:
    """Return what the record says of the platform; what it was given to fail is what a fixture noted as "faults"."""
    noted = run.notes.get("faults", ())
    faults = tuple(str(each) for each in noted) if isinstance(noted, tuple) else ()
    adapter = HTTP if config.target.url and config.platform == IN_PROCESS else config.platform
    return Platform(adapter=adapter, faults=faults, host=mask(config.target.url))
