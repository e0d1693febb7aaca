"""A reason to distrust a measurement, with what was measured, its limit and a remedy."""

from enum import StrEnum

from tailguard.record.part import Part

# A generator that was late: the times that it measured are not to be trusted.
LATE_GENERATOR = "late_generator"
# A scenario that could not be measured here: its limits are not judged.
SKIPPED_SCENARIO = "skipped_scenario"
# Invariants that were left out: a scenario that may have been fast and wrong has not passed.
UNCHECKED = "invariants_unchecked"
# `tailguard control` changed the load of a scenario, or stopped the run.
OVERRIDDEN = "load_overridden"


class Grade(StrEnum):
    """How much a doubt weighs. A grave one makes what it concerns INVALID."""

    NOTE = "note"
    WARN = "warn"
    GRAVE = "grave"

    @property
    def severity(self) -> int:
        """0 for a note, rising."""
        return list(Grade).index(self)


class Doubt(Part, frozen=True, kw_only=True):
    """`scenario` is None if it concerns the whole run; the texts carry their units."""

    kind: str
    scenario: str | None
    grade: Grade
    measured: str
    limit: str
    remedy: str

    @property
    def title(self) -> str:
        """The kind in words."""
        return self.kind.replace("_", " ")

    @property
    def sentence(self) -> str:
        """All of it in a line, as the reason of a verdict."""
        return f"{self.title}: {self.measured} (limit {self.limit}); {self.remedy}"
