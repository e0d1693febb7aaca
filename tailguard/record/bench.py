"""A benchmark of commands, each a scenario of the run. Its verdicts are among the run's."""

from collections.abc import Mapping

from tailguard.record.objective import Margins
from tailguard.record.part import Count, Part


class TimedCommand(Part, frozen=True, kw_only=True):
    """What was run, its parameters filled in. `baseline` is the command that it is compared with, "" for none."""

    text: str
    parameters: Mapping[str, str] = {}
    baseline: str = ""


class Bench(Part, frozen=True, kw_only=True):
    """The part of the record that only a benchmark of commands has.

    `commands` are by scenario. They ran one at a time, in an order drawn anew for each round; the n-th samples of all
    commands belong to round n. `shell` is what ran them, "" for none; `shell_ms` is what its start takes at the median:
    each sample begins that much after the command was started.
    """

    commands: Mapping[str, TimedCommand]
    margins: Margins
    rounds: Count
    shell: str
    shell_ms: float
