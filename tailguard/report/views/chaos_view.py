"""A chaos run ready to show: each fault, when it was, what it cost, and the counters of the certificate storage."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tailguard.report.views import numbers

_NS_PER_S = 1e9


@dataclass(frozen=True, slots=True)
class FaultRow:
    """A fault in one scenario."""

    fault: str
    began: str
    lasted: str
    scenario: str
    samples: str
    errors: str
    retried: str
    recovered: str


@dataclass(frozen=True, slots=True)
class ChaosView:
    """What was done to the run: what any call failed or was retried under was `felt`, the rest `unfelt`.

    `counters` are (name, count) pairs of each scenario that counts.
    """

    limit: str
    felt: tuple[FaultRow, ...]
    unfelt: tuple[FaultRow, ...]
    counters: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]

    @property
    def rows(self) -> tuple[FaultRow, ...]:
        """Every fault in every scenario that it met."""
        return self.felt + self.unfelt


def chaos_of(record: Mapping[str, Any]) -> ChaosView | None:
    """Return the view of a run's faults and counters; None where it has neither."""
    chaos = record.get("chaos") or {}
    counters = tuple(
        (
            str(found.get("title") or slug),
            tuple((name, numbers.count(n)) for name, n in found["counters"].items()),
        )
        for slug, found in (record.get("scenarios") or {}).items()
        if found.get("counters")
    )
    if not chaos and not counters:
        return None
    windows = {each["label"]: each for each in chaos.get("windows") or []}
    first_ns = min((each["began_ns"] for each in windows.values()), default=0)
    rows: dict[bool, list[FaultRow]] = {True: [], False: []}
    for each in chaos.get("recoveries") or []:
        if each["samples"] and each["label"] in windows:
            row = _row(each, windows[each["label"]], first_ns)
            rows[bool(each["errors"] or each["retried"])].append(row)
    return ChaosView(numbers.seconds(chaos.get("recover_s")), tuple(rows[True]), tuple(rows[False]), counters)


def _row(recovery: Mapping[str, Any], window: Mapping[str, Any], first_ns: int) -> FaultRow:
    return FaultRow(
        fault=str(recovery["label"]),
        began=numbers.seconds((window["began_ns"] - first_ns) / _NS_PER_S),
        lasted=numbers.seconds((window["ended_ns"] - window["began_ns"]) / _NS_PER_S),
        scenario=str(recovery["scenario"]),
        samples=numbers.count(recovery["samples"]),
        errors=numbers.count(recovery["errors"]),
        retried=numbers.count(recovery["retried"]),
        recovered=numbers.seconds(recovery["recovered_s"]),
    )
