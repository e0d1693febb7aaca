"""The environment record as groups of terms and texts."""

from collections.abc import Iterator
from dataclasses import dataclass

from tailguard.record.environment import Environment, Placement, PostgresServer, S3Server
from tailguard.report.views import numbers

_ABSENT = "not recorded"


@dataclass(frozen=True, slots=True)
class FactGroup:
    """A titled list of (term, text) pairs."""

    title: str
    facts: tuple[tuple[str, str], ...]


def environment_of(found: Environment) -> tuple[FactGroup, ...]:
    """Return the groups in which a reader looks for what could explain a number."""
    return (
        FactGroup("Machine", tuple(_machine(found))),
        FactGroup("Placement", _placement(found.placement)),
        FactGroup("Source", (("commit", _text(found.git.commit)), ("dirty", _text(found.git.dirty)))),
        FactGroup("PostgreSQL", tuple(_postgres(found.postgres))),
        FactGroup("S3", tuple(_s3(found.s3))),
        FactGroup("Packages", tuple(found.packages.items())),
    )


def _machine(found: Environment) -> Iterator[tuple[str, str]]:
    yield "CPU", _text(found.cpu.model)
    yield "Cores", f"{_text(found.cpu.logical)} logical, {_text(found.cpu.physical)} physical"
    yield "Memory", numbers.size(found.memory_bytes)
    yield "System", f"{found.os}, kernel {found.kernel}"
    yield "Python", found.python
    if found.who:
        yield "Run by", found.who


def _placement(found: Placement | None) -> tuple[tuple[str, str], ...]:
    if found is None:
        return ()
    facts = (
        ("generator", _cores(found.generator)),
        ("server", _cores(found.server)),
        ("pinned", _text(found.pinned)),
    )
    return (*facts, ("why", found.why)) if found.why else facts


def _postgres(found: PostgresServer | None) -> Iterator[tuple[str, str]]:
    if found is not None:
        yield from (("version", found.version), ("source", found.source))
        yield from ((f"settings.{name}", value) for name, value in found.settings.items())


def _s3(found: S3Server | None) -> Iterator[tuple[str, str]]:
    if found is not None:
        yield from (("server", found.server), ("version", found.version), ("source", found.source))


def _cores(cores: tuple[int, ...] | None) -> str:
    """Cores that a part was pinned to; none means that the system chose."""
    return ", ".join(map(str, cores)) if cores else "any core"


def _text(value: object) -> str:
    if value is None:
        return _ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
