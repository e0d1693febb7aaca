"""What a suite's own commands, report sections and readers of files are made of, beside the scenarios themselves."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tailguard.base.output.console import PlainConsole
    from tailguard.base.output.streams import say
    from tailguard.base.piped_process import PipedProcess
    from tailguard.base.reading.regular_file import read_text
    from tailguard.base.reading.toml_file import read_toml
    from tailguard.base.text_format import duration_ms, limit_ms, ratio
    from tailguard.cli.number_range import NumberRange
    from tailguard.pipeline.preflight import Check, show_checks
    from tailguard.record.run_record import RunRecord
    from tailguard.record.verdict import ObjectiveVerdict

__all__ = [
    "Check",
    "NumberRange",
    "ObjectiveVerdict",
    "PipedProcess",
    "PlainConsole",
    "RunRecord",
    "duration_ms",
    "limit_ms",
    "ratio",
    "read_text",
    "read_toml",
    "say",
    "show_checks",
]

# Where each name comes from, once somebody asks for it: a reader of files need not load what draws tables.
_MODULES = {
    "Check": "tailguard.pipeline.preflight",
    "NumberRange": "tailguard.cli.number_range",
    "ObjectiveVerdict": "tailguard.record.verdict",
    "PipedProcess": "tailguard.base.piped_process",
    "PlainConsole": "tailguard.base.output.console",
    "RunRecord": "tailguard.record.run_record",
    "duration_ms": "tailguard.base.text_format",
    "limit_ms": "tailguard.base.text_format",
    "ratio": "tailguard.base.text_format",
    "read_text": "tailguard.base.reading.regular_file",
    "read_toml": "tailguard.base.reading.toml_file",
    "say": "tailguard.base.output.streams",
    "show_checks": "tailguard.pipeline.preflight",
}

if not TYPE_CHECKING:  # otherwise a type checker would accept any name

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(_MODULES[name]), name)
        return found
