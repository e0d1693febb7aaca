"""The objectives file: read, and checked against the scenarios there are."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from tailguard.base.errors import UsageError
from tailguard.base.reading.toml_file import read_toml
from tailguard.judge.checked_table import (
    expect_words,
    saying_where,
    subtable,
    subtables,
    text_of,
    whole_of,
)
from tailguard.judge.objective import (
    RATE,
    is_without_unit,
    parse_latency,
    parse_margins,
    parse_numbers,
    parse_rate,
    parse_recorded_rate,
)
from tailguard.judge.objectives.stated import Known, spelt_out
from tailguard.judge.proof.wait_limits import parse_wait_limits
from tailguard.judge.sequential import checked_rule
from tailguard.record.migration import WaitLimits
from tailguard.record.objective import Margins, Metric, Objective, Objectives, Rule
from tailguard.record.part import Json

_TABLES = ("defaults", "scenarios", "gate", "migrations")
_DEFAULTS = ("confidence", "dependence", "error_rate")
RATE_KEYS: tuple[Metric, ...] = ("retry_rate", "error_rate", "refusal_rate")
_SCENARIO = ("step", "steps", "dependence", "first_look", "refusals", *RATE_KEYS)
_GATE = ("floor", "floors")
CONFIDENCE = 0.99


class _File(NamedTuple):
    """All that an objectives file says."""

    objectives: Objectives
    margins: Margins
    wait_limits: WaitLimits


def load_objectives(path: str | Path, known: Known | None = None) -> Objectives:
    """Read an objectives file. `known` names the scenarios there are, and the steps of each.

    Raises UsageError with the file and the line or entry, and the nearest right word.
    """
    return _parsed(read_document(Path(path), known), str(path), known).objectives


def load_margins(path: str | Path, known: Known | None = None) -> Margins:
    """Read the margins of an objectives file; raises as `load_objectives` does."""
    return _parsed(read_document(Path(path), known), str(path), known).margins


def load_wait_limits(path: str | Path) -> WaitLimits:
    """Read what clients of a build may wait from an objectives file; raises as `load_objectives` does."""
    return _parsed(read_document(Path(path)), str(path), None).wait_limits


def parse_objectives(
    document: Mapping[str, Json], source: str = "", known: Known | None = None
) -> Objectives:
    """Return the objectives of a parsed file; see `load_objectives`."""
    return _parsed(document, source, known).objectives


def only(objectives: Objectives, scenarios: Collection[str]) -> Objectives:
    """Return those of the named scenarios, which a run of a few can be judged by; raise UsageError if none is left."""
    items = tuple(item for item in objectives.items if item.scenario in scenarios)
    if not items:
        raise _nothing(objectives.source)
    rules = {slug: rule for slug, rule in objectives.rules.items() if slug in scenarios}
    return replace(objectives, items=items, rules=rules)


def assuming(
    objectives: Objectives,
    *,
    dependence: str = "",
    confidence: float | None = None,
    first_looks: Mapping[str, int] | None = None,
) -> Objectives:
    """Return the same limits judged under another assumption; what is left out stays as the file says."""
    looks = first_looks or {}
    rules = {
        slug: checked_rule(
            rule.alpha if confidence is None else _alpha(confidence, objectives.source or "objectives"),
            dependence or rule.dependence,
            looks.get(slug, rule.first_look),
        )
        for slug, rule in objectives.rules.items()
    }
    return replace(objectives, rules=rules)


def read_document(path: Path, known: Known | None = None) -> Mapping[str, Json]:
    """Return an objectives file, its keys of several words spelt out. Raises UsageError for one that is not TOML."""
    try:
        document = read_toml(path)[0]
    except UsageError as error:
        raise UsageError(f"objectives file {error} Name one with --objectives.") from None
    tables = subtables(document, "scenarios", f"{path}: [scenarios]")
    return {**document, "scenarios": {**spelt_out(tables, known or {}, str(path))}}


def _parsed(document: Mapping[str, Json], source: str, known: Known | None) -> _File:
    """Read the whole file whichever part is wanted: nothing that is misspelt is left out in silence."""
    where = source or "objectives"
    expect_words(document, _TABLES, where)
    defaults = subtable(document, "defaults", where)
    expect_words(defaults, _DEFAULTS, f"{where}: [defaults]")
    items: list[Objective] = []
    rules: dict[str, Rule] = {}
    for slug, table in _scenario_tables(document, defaults, where, known).items():
        at = f"{where}: [scenarios.{slug}]"
        rules[slug] = _rule(defaults, table, at)
        with_rate = {"error_rate": defaults.get("error_rate")} | table
        items += _scenario(slug, with_rate, at, known[slug] if known else ())
    if not items:
        raise _nothing(source)
    margins = _margins(subtable(document, "gate", where), f"{where}: [gate]", known)
    wait_limits = parse_wait_limits(subtable(document, "migrations", where), f"{where}: [migrations]")
    return _File(Objectives(items=tuple(items), rules=rules, source=source), margins, wait_limits)


def _nothing(source: str) -> UsageError:
    return UsageError(
        f"{source or 'objectives'} has no objective: add one under [scenarios.<name>], such as p95 = '<= 215ms'"
    )


def _scenario_tables(
    document: Mapping[str, Json], defaults: Mapping[str, Json], where: str, known: Known | None
) -> dict[str, dict[str, Json]]:
    """Return the table of each scenario, with its first step filled in if the file leaves that out.

    "Every scenario" has the error rate of the defaults: also a known one that the file does not name.
    """
    tables = subtables(document, "scenarios", f"{where}: [scenarios]")
    if known is None:
        return tables
    expect_words(tables, known, f"{where}: [scenarios]")
    unnamed = [slug for slug in known if slug not in tables and "error_rate" in defaults]
    tables |= {slug: {} for slug in unnamed}
    firsts = {slug: {"step": steps[0]} for slug, steps in known.items() if steps}
    return {slug: {**firsts.get(slug, {}), **table} for slug, table in tables.items()}


def _scenario(slug: str, table: Mapping[str, Json], at: str, steps: Sequence[str]) -> Iterator[Objective]:
    """Yield the objectives of one table: its first step's, those of its other steps, its rates'."""
    step, others = (
        text_of(table, "step", at, "'upload'") if "step" in table else "",
        subtable(table, "steps", at),
    )
    if steps:
        timed = [name for name in others if not _is_recorded(subtable(others, name, at))]
        expect_words([step, *timed], steps, f"{at} step")
    yield from _latencies(slug, {k: v for k, v in table.items() if k not in _SCENARIO}, at, step)
    for name in others:
        of_step, place = subtable(others, name, at), f"{at[:-1]}.steps.{name}]"
        latencies = {key: bound for key, bound in of_step.items() if key not in (*RATE_KEYS, RATE)}
        yield from _latencies(slug, latencies, place, name, titled=True)
        if RATE in of_step:
            with saying_where(place):
                yield parse_recorded_rate(text_of(of_step, RATE, place, "'>= 95%'"), scenario=slug, name=name)
        yield from _rates(slug, of_step, place, dict.fromkeys(RATE_KEYS, name), titled=True)
    # A retry rate is its first step's, the others are the whole scenario's.
    yield from _rates(slug, table, at, {**dict.fromkeys(RATE_KEYS, ""), "retry_rate": step})
    refusals = subtable(table, "refusals", at)
    for refusal in refusals:
        place = f"{at[:-1]}.refusals]"
        bound = text_of(refusals, refusal, place, "'<= 2%'")
        with saying_where(place):
            yield parse_rate("refusal_rate", bound, scenario=slug, refusal=refusal)


def _is_recorded(of_step: Mapping[str, Json]) -> bool:
    """Whether a table is of what a journey recorded: its limits are rates or have no unit."""
    return all(key == RATE or is_without_unit(str(bound)) for key, bound in of_step.items())


def _rates(
    slug: str, table: Mapping[str, Json], at: str, steps: Mapping[Metric, str], *, titled: bool = False
) -> Iterator[Objective]:
    """Yield the objectives of the rates in one table, each of the step that it is counted over; "" for all."""
    for rate, step in steps.items():
        if table.get(rate) is not None:
            bound = text_of(table, rate, at)
            with saying_where(at):
                yield parse_rate(rate, bound, scenario=slug, step=step, titled=titled)


def _latencies(
    slug: str, table: Mapping[str, Json], at: str, step: str, *, titled: bool = False
) -> Iterator[Objective]:
    for key in table:
        if not re.match(r"p\d", key):
            expect_words([key], ("p50", "p95", "p99", *_SCENARIO), at)
        if not step:
            raise UsageError(
                f"{at} has {key} but no step; add step = '...', the step whose latency is meant, or name it in the "
                f"limit, as in 'pay {key} {text_of(table, key, at)}'"
            )
        bound = text_of(table, key, at)
        with saying_where(at):
            if titled and is_without_unit(bound):
                yield parse_numbers(key, bound, scenario=slug, name=step)
            else:
                yield parse_latency(key, bound, scenario=slug, step=step, titled=titled)


def _margins(table: Mapping[str, Json], at: str, known: Known | None) -> Margins:
    for key in table:
        if not re.match(r"p\d", key):
            expect_words([key], (*_GATE, "p50", "p95"), at)
    floors = subtable(table, "floors", at)
    if known is not None:
        expect_words(floors, known, f"{at[:-1]}.floors]")
    shares = {key: text_of(table, key, at, "'5%'") for key in table if key not in _GATE}
    floor = text_of(table, "floor", at, "'0.1ms'") if "floor" in table else None
    own = {slug: text_of(floors, slug, f"{at[:-1]}.floors]", "'0.1ms'") for slug in floors}
    with saying_where(at):
        return parse_margins(shares, floor, own)


def _rule(defaults: Mapping[str, Json], table: Mapping[str, Json], at: str) -> Rule:
    alpha = _alpha(defaults.get("confidence", CONFIDENCE), at)
    with saying_where(at):
        dependence = table.get("dependence", defaults.get("dependence", "bursty"))
        return checked_rule(alpha, str(dependence), whole_of(table, "first_look"))


def _alpha(confidence: Json, at: str) -> float:
    if not isinstance(confidence, float) or not 0.5 < confidence <= 0.999_999:  # noqa: PLR2004  # as slo.confidence
        raise UsageError(
            f"{at}: confidence is {confidence!r}; it is a share between 0.5 and 0.999999, such as 0.99"
        )
    return round(1 - confidence, 12)
