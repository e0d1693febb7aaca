"""Tailguard: is this change safe? Performance benchmarks and SLO guards, with verdicts that are right."""

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tailguard.base.errors import TailguardError, UsageError
    from tailguard.config.merge import Config
    from tailguard.engine.iteration import Iteration
    from tailguard.engine.iteration.answers import RetriedError, StatusError, Timed
    from tailguard.engine.iteration.async_iteration import AsyncIteration
    from tailguard.record.samples import Samples
    from tailguard.record.scenario import Invariant
    from tailguard.suite.data import Withheld
    from tailguard.suite.fixture import fixture
    from tailguard.suite.invariants import expect, skip
    from tailguard.suite.mix import mix
    from tailguard.suite.rows import rows
    from tailguard.suite.run import Run, Shard, Target
    from tailguard.suite.scenario import scenario

__all__ = [
    "AsyncIteration",
    "Config",
    "Invariant",
    "Iteration",
    "RetriedError",
    "Run",
    "Samples",
    "Shard",
    "StatusError",
    "TailguardError",
    "Target",
    "Timed",
    "UsageError",
    "Withheld",
    "expect",
    "fixture",
    "main",
    "mix",
    "rows",
    "scenario",
    "skip",
]

# Where each name comes from, once somebody asks for it: pytest loads this package in every project that has it
# installed, and NumPy alone would add tenths of a second to each of its runs.
_MODULES = {
    "AsyncIteration": "tailguard.engine.iteration.async_iteration",
    "Config": "tailguard.config.merge",
    "Invariant": "tailguard.record.scenario",
    "Iteration": "tailguard.engine.iteration",
    "RetriedError": "tailguard.engine.iteration.answers",
    "Run": "tailguard.suite.run",
    "Samples": "tailguard.record.samples",
    "Shard": "tailguard.suite.run",
    "StatusError": "tailguard.engine.iteration.answers",
    "TailguardError": "tailguard.base.errors",
    "Target": "tailguard.suite.run",
    "Timed": "tailguard.engine.iteration.answers",
    "UsageError": "tailguard.base.errors",
    "Withheld": "tailguard.suite.data",
    "expect": "tailguard.suite.invariants",
    "fixture": "tailguard.suite.fixture",
    "mix": "tailguard.suite.mix",
    "rows": "tailguard.suite.rows",
    "scenario": "tailguard.suite.scenario",
    "skip": "tailguard.suite.invariants",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command, such as `main(["run", "--profile", "ci"])`, and return its exit code; None reads sys.argv."""
    from tailguard.cli.main import run_cli  # noqa: PLC0415  # `import tailguard` stays light

    return run_cli(argv)


if not TYPE_CHECKING:  # otherwise a type checker would accept any name

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(_MODULES[name]), name)
        return found

    def __dir__() -> list[str]:
        return __all__
