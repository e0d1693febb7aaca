"""What a suite's own commands, report sections and readers of files are made of, beside the scenarios themselves."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tailguard.base.output.console import PlainConsole
    from tailguard.base.output.streams import say
    from tailguard.base.piped_process import PipedProcess
    from tailguard.base.reading.regular_file import read_text
    from tailguard.base.reading.toml_file import read_toml
    from tailguard.base.state import State, worst
    from tailguard.base.text_format import duration_ms, limit_ms, ratio
    from tailguard.cli.number_range import NumberRange
    from tailguard.compare.canary import compare_canary
    from tailguard.compare.canary.windows import Group, Period
    from tailguard.pipeline.preflight import Check, show_checks
    from tailguard.record.run_record import RunRecord
    from tailguard.record.verdict import ChangeVerdict, ObjectiveVerdict

__all__ = [
    "ChangeVerdict",
    "Check",
    "Group",
    "NumberRange",
    "ObjectiveVerdict",
    "Period",
    "PipedProcess",
    "PlainConsole",
    "RunRecord",
    "State",
    "compare_canary",
    "duration_ms",
    "limit_ms",
    "ratio",
    "read_text",
    "read_toml",
    "say",
    "show_checks",
    "worst",
]

# Where each name comes from, once somebody asks for it: a reader of files need not load what draws tables.
_MODULES = {
    "ChangeVerdict": "tailguard.record.verdict",
    "Check": "tailguard.pipeline.preflight",
    "Group": "tailguard.compare.canary.windows",
    "NumberRange": "tailguard.cli.number_range",
    "ObjectiveVerdict": "tailguard.record.verdict",
    "Period": "tailguard.compare.canary.windows",
    "PipedProcess": "tailguard.base.piped_process",
    "PlainConsole": "tailguard.base.output.console",
    "RunRecord": "tailguard.record.run_record",
    "State": "tailguard.base.state",
    "compare_canary": "tailguard.compare.canary",
    "duration_ms": "tailguard.base.text_format",
    "limit_ms": "tailguard.base.text_format",
    "ratio": "tailguard.base.text_format",
    "read_text": "tailguard.base.reading.regular_file",
    "read_toml": "tailguard.base.reading.toml_file",
    "say": "tailguard.base.output.streams",
    "show_checks": "tailguard.pipeline.preflight",
    "worst": "tailguard.base.state",
}

if not TYPE_CHECKING:  # otherwise a type checker would accept any name

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(_MODULES[name]), name)
        return found
