"""A run under faults: what was ordered, what was made, and what each fault cost each scenario."""

from collections.abc import Mapping

from tailguard.record.part import Count, Part


class FaultWindow(Part, frozen=True, kw_only=True):
    """When a fault really was, on the clock of the samples. `note` says what went wrong with the fault itself."""

    label: str
    began_ns: int
    ended_ns: int
    note: str = ""


class Outage(Part, frozen=True, kw_only=True):
    """A subscriber's time without its connection, on the clock of the samples."""

    began_ns: int
    ended_ns: int


class Recovery(Part, frozen=True, kw_only=True):
    """One fault and what it did to one scenario.

    `samples` ended after its begin and began before the next fault; `errors` of them failed and `retried` were
    retried. `cut_off` subscribers lost their connection. `recovered_s` is the time from the fault's end until the
    last of all these had ended; 0 if none came after.
    """

    label: str
    scenario: str
    samples: Count
    errors: Count
    retried: Count
    recovered_s: float
    cut_off: Count = 0


class Chaos(Part, frozen=True, kw_only=True):
    """`recover_s` is the limit of every recovery; `outages` are by scenario, of those that have subscribers."""

    recover_s: float
    ordered: tuple[str, ...]
    windows: tuple[FaultWindow, ...]
    outages: Mapping[str, tuple[Outage, ...]]
    recoveries: tuple[Recovery, ...]

    def __post_init__(self) -> None:
        """Raise ValueError if something recovered from a fault that was not made."""
        if unknown := {each.label for each in self.recoveries} - {each.label for each in self.windows}:
            raise ValueError(f"there is no fault {min(unknown)!r} to recover from")
