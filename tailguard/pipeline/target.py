"""What a run measures: a service of yours that runs already, or what the suite starts itself."""

from tailguard.base.errors import UsageError
from tailguard.base.secrets import mask
from tailguard.config.merge import Config
from tailguard.http.connections import is_address
from tailguard.record.run_record import Platform
from tailguard.suite.run import Run, Target

IN_PROCESS, HTTP = "in-process", "http"


def target_of(config: Config) -> Target:
    """Return the target that a configuration names. Raises UsageError if it is not an address."""
    url = config.target.url.rstrip("/")
    if not url:
        return Target("")
    if not is_address(url):
        raise UsageError(
            f"target.url (--target) is {mask(url)!r}: that is not an address of a service; write http://host:port"
        )
    return Target(url, str(config.suite.file) if config.suite else "")


def platform_of(config: Config, run: Run) -> Platform:
    """Return what the record says of the platform; what it was given to fail is what a fixture noted as "faults"."""
    noted = run.notes.get("faults", ())
    faults = tuple(str(each) for each in noted) if isinstance(noted, tuple) else ()
    adapter = HTTP if config.target.url and config.platform == IN_PROCESS else config.platform
    return Platform(adapter=adapter, faults=faults, host=mask(config.target.url))
