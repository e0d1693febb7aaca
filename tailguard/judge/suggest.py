"""Limits that would notice something: proposed from what runs measured, as TOML to paste."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tailguard.base.errors import UsageError
from tailguard.judge.budget import samples_for_pass
from tailguard.record.part import Quantile
from tailguard.record.run_record import RunRecord


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A limit for one quantile of a step; None if its runs have too few samples to bound that quantile above."""

    scenario: str
    step: str
    quantile: str
    limit_ms: float | None
    worst_ms: float | None
    fewest: int
    needed: int


def suggest(records: Sequence[RunRecord], headroom: float = 2.0) -> list[Suggestion]:
    """Propose limits from what runs measured: `headroom` times the worst upper bound of any run, rounded up.

    The upper end of the interval rather than the value, and the worst run rather than the mean: the limit is to leave
    room for what a run measures by chance. Raises UsageError without a scenario, or for a headroom of 1 or less.
    """
    if not headroom > 1:
        raise UsageError(
            f"headroom is {headroom:g}; it is above 1, such as 2 for a limit twice what was measured"
        )
    found = [suggestion for slug in _slugs(records) for suggestion in _of_scenario(slug, records, headroom)]
    if not found:
        raise UsageError("the runs have no scenario: nothing was measured that a limit could come from")
    return found


def as_toml(suggestions: Sequence[Suggestion]) -> str:
    """Return the suggestions as tables of an objectives file; the first step of a scenario is its own."""
    lines: list[str] = []
    table = ""
    for each in suggestions:
        first = next(other.step for other in suggestions if other.scenario == each.scenario)
        heading = f"[scenarios.{each.scenario}" + (f".steps.{each.step}]" if each.step != first else "]")
        if heading != table:
            lines += ["", heading] + ([f'step = "{each.step}"'] if each.step == first else [])
            table = heading
        lines.append(_line(each))
    return "\n".join(lines).lstrip() + "\n"


def _of_scenario(slug: str, records: Sequence[RunRecord], headroom: float) -> Iterator[Suggestion]:
    entries = [record.scenarios[slug] for record in records if slug in record.scenarios]
    for step in dict.fromkeys(step for entry in entries for step in entry.steps):
        measured = [entry.steps[step].response_ms for entry in entries if step in entry.steps]
        for found in zip(*((each.p50, each.p95, each.p99) for each in measured), strict=True):
            yield _of_quantile(slug, step, found, headroom)


def _of_quantile(slug: str, step: str, found: Sequence[Quantile], headroom: float) -> Suggestion:
    bounded = [each.high for each in found if each.high is not None]
    worst = max(bounded) if len(bounded) == len(found) else None
    q = found[0].q
    needed = samples_for_pass(round(1 - q, 12), dependence="independent")
    limit = None if worst is None else _rounded_up(headroom * worst)
    return Suggestion(slug, step, f"p{q * 100:g}", limit, worst, min(each.n for each in found), needed)


def _line(each: Suggestion) -> str:
    if each.limit_ms is None or each.worst_ms is None:
        return f"# {each.quantile}: {each.fewest} samples have no upper bound for it at 99 %; measure longer"
    lead = f'{each.quantile} = "<= {each.limit_ms:.10g}ms"'
    need = f"a PASS needs {each.needed} samples or more, the runs had {each.fewest}"
    return f"{lead}  # measured at most {each.worst_ms:.3g} ms; {need}"


def _slugs(records: Sequence[RunRecord]) -> list[str]:
    return list(dict.fromkeys(slug for record in records for slug in record.scenarios))


def _rounded_up(value_ms: float) -> float:
    """Return the next number of two digits: a limit that people can say."""
    if value_ms <= 0:
        return 0.001  # what took no time on the clock may take a microsecond
    unit = 10.0 ** (math.floor(math.log10(value_ms)) - 1)
    return round(math.ceil(round(value_ms / unit, 9)) * unit, 12)
