"""Who may change a run under way, between two slices: no iteration is in progress then."""

from collections.abc import Sequence
from threading import Event
from typing import Protocol

from tailguard.engine.workload_run import WorkloadRun


class Control(Protocol):
    """Is asked before each slice."""

    def before_slice(self, group: Sequence[WorkloadRun], runs: Sequence[WorkloadRun], stop: Event) -> None:
        """Change or end any of the `runs`, of which `group` is next; return when the slice may begin.

        `stop` is set if everything must end at once.
        """
        ...
