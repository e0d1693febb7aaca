"""The cells of the matrix: in which phase which process gets which fault, and which end is then right."""

from dataclasses import dataclass
from itertools import product

PHASES = ("seed", "warm-up", "measure", "build", "check", "report")
PARTS = ("runner", "watchdog", "postmaster", "backend", "S3", "subscribers", "Locust worker")
FAULTS = ("KILL", "STOP", "INT")
# Runner and all its watchdogs at once: then nobody is left to clean up, and the next start does.
ALL_OF_US = "runner and watchdogs"
# Ctrl-C while PostgreSQL, every process of it, is stopped for good.
HUNG = "runner, PostgreSQL hung"
EXTRA = {ALL_OF_US: "KILL", HUNG: "INT"}
STOPPED_S = 5.0
# What the run says on standard error when a phase begins.
MARKS = {
    "seed": "PHASE seed",
    "warm-up": "PHASE warm-up",
    "measure": "PHASE measure",
    "build": "_slow_words: up",
    "check": "PHASE check",
    "report": "PHASE report",
}
# Exit codes: all PASS, limits breached, undecided, not to be trusted; and what cannot be prepared is refused.
JUDGED, REFUSED, INTERRUPTED = (0, 65, 75, 99), 64, 130
HOLDS_RESULTS = ("postmaster", "S3", "subscribers")


@dataclass(frozen=True, slots=True)
class Cell:
    """One fault of one process in one phase."""

    phase: str
    part: str
    fault: str

    @property
    def name(self) -> str:
        return f"{self.phase} / {self.part} / {self.fault}"

    @property
    def ends_us(self) -> bool:
        """Whether the runner is killed, so that its exit code is the signal's."""
        return self.part in ("runner", ALL_OF_US) and self.fault == "KILL"

    @property
    def is_ctrl_c(self) -> bool:
        """Whether it is Ctrl-C in the run's own terminal."""
        return self.part in ("runner", HUNG) and self.fault == "INT"

    def absent(self) -> str:
        """Why there is no such process in this phase, "" if there is."""
        if self.part == "Locust worker":
            return "Locust builds no index" if self.phase == "build" else ""
        if self.phase == "report" and self.part not in ("runner", ALL_OF_US):
            return "the servers have ended, and their watchdogs with them"
        return ""

    def allows(self, code: int) -> bool:
        """Whether a run may end with this exit code after the fault."""
        if self.ends_us:
            return code == -9
        if self.is_ctrl_c:
            return code == INTERRUPTED
        if self.phase == "seed" and code == REFUSED:
            return True
        lost = self.part in HOLDS_RESULTS and self.fault == "KILL" and self.phase in ("warm-up", "measure")
        return code in JUDGED and not (lost and code == 0)


def all_cells() -> list[Cell]:
    """Return the cells, those of one phase together."""
    found = [Cell(*each) for each in product(PHASES, PARTS, FAULTS)]
    return found + [Cell(phase, part, fault) for part, fault in EXTRA.items() for phase in PHASES]
