"""Sections of the report that a suite brings: functions from a record to HTML, named under `report` in [suite]."""

from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import Markup, escape

from tailguard.base.errors import UsageError
from tailguard.config.suite_table import SuiteTable
from tailguard.record.run_record import RunRecord
from tailguard.suite.root import load_part


@dataclass(frozen=True, slots=True)
class Section:
    """A function of the suite; `spec` is the module:function that names it."""

    spec: str
    function: Callable[..., object]

    def __call__(self, record: RunRecord) -> Markup:
        """Return its HTML; what is not Markup is escaped. Raises UsageError if the function raises."""
        try:
            return escape(self.function(record))
        except MemoryError:
            raise
        except Exception as error:
            raise UsageError(
                f"The report's section {self.spec} raised {type(error).__name__}: {error}."
                f" The run is saved: fix the function, then run `tailguard report {record.id}`."
            ) from error


def sections_of(suite: SuiteTable | None) -> tuple[Section, ...]:
    """Return the sections of a suite. Raises UsageError if one cannot be imported or is not a function."""
    return tuple(_section(suite, spec) for spec in suite.report) if suite else ()


def _section(suite: SuiteTable, spec: str) -> Section:
    function = load_part(suite, spec)
    if not callable(function):
        raise UsageError(f"suite.report names {spec}, which is not a function but {function!r}.")
    return Section(spec, function)
