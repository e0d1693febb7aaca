"""A doubt: a reason to distrust a measurement, with what was measured, its limit and a remedy."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

Grade = Literal["note", "warn", "grave"]
# A generator that was late: what it measured of times is not to be trusted.
LATE_GENERATOR = "late_generator"


@dataclass(frozen=True, slots=True)
class Doubt:
    """A reason to distrust: `scenario` is None where it concerns the whole run; the texts carry their units."""

    kind: str
    scenario: str | None
    grade: Grade
    measured: str
    limit: str
    remedy: str

    def as_dict(self) -> dict[str, Any]:
        """Return the run record's entry."""
        return asdict(self)
