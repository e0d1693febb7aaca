"""Limits that stand in one text each: beside a scenario, on the command line, as a key of an objectives file.

They are put into the tables of an objectives file, so that all are read, checked and named alike.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tailguard.base.errors import UsageError
from tailguard.config.option import did_you_mean
from tailguard.judge.checked_table import saying_where
from tailguard.judge.objective import parse_limit
from tailguard.record.part import Json
from tailguard.suite.limits import Limits

# The steps that each scenario declares, in order; none if they are found while it runs.
Known = Mapping[str, Sequence[str]]
Tables = dict[str, dict[str, Json]]

FLAG = "--objective"


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit of a scenario: step ("" for its first), key and bound as in an objectives file; `place` states it.

    `is_refusal`: the key is a refusal, and the bound its share.
    """

    scenario: str
    step: str
    key: str
    bound: str
    place: str
    is_refusal: bool = False


def limits_beside(stated: Mapping[str, Limits]) -> Iterator[Limit]:
    """Yield the limits that scenarios state themselves, by scenario. Raises UsageError for what does not parse."""
    for scenario, limits in stated.items():
        place = f"scenario {scenario!r}"
        for text in limits.slo:
            yield Limit(scenario, *parse_limit(_without(scenario, text)), place)
        for refusal, share in limits.refusals.items():
            yield Limit(scenario, "", refusal, share, place, is_refusal=True)


def limits_asked(texts: Iterable[str], known: Known) -> Iterator[Limit]:
    """Yield the limits of a command line: `[SCENARIO:] [STEP] METRIC <= LIMIT`, of the scenarios that are measured.

    Raises UsageError for what does not parse, or does not say which scenario it is for.
    """
    for text in texts:
        name, key, bound = parse_limit(text)
        scenario, step = _meant(name, text, known)
        if step == scenario and key.endswith("_rate"):
            step = ""  # a rate is the whole scenario's
        yield Limit(scenario, step, key, bound, f"{FLAG} {text!r}")


def put(limits: Iterable[Limit], tables: Tables, known: Known, where: str) -> None:
    """Put limits into the [scenarios] tables of the file `where`.

    Raises UsageError for one that is stated otherwise, with both places.
    """
    places: dict[tuple[str, str, str], str] = {}
    for limit in limits:
        table = tables.setdefault(limit.scenario, {})
        first = table.get("step", next(iter(known.get(limit.scenario, ())), ""))
        # A rate that names the first step is that step's alone; without a step it is the whole scenario's.
        step = "" if limit.step == first and not limit.key.endswith("_rate") else limit.step
        of_step = table
        if step:
            of_step = _inner(_inner(table, "steps"), step)
        elif limit.is_refusal:
            of_step = _inner(table, "refusals")
        at = limit.scenario, step, limit.key
        if of_step.get(limit.key, limit.bound) != limit.bound:
            other = f"{places.get(at, where)} {limit.key} {of_step[limit.key]}"
            raise UsageError(f"{limit.place} states {limit.key} {limit.bound}, and {other}: leave one out")
        of_step[limit.key], places[at] = limit.bound, limit.place


def spelt_out(tables: Tables, known: Known, where: str) -> Tables:
    """Return the [scenarios] tables of a file with its keys of several words, such as "pay p99", in their step's table.

    Raises UsageError for what does not parse.
    """
    plain = {name: {key: table[key] for key in table if " " not in key} for name, table in tables.items()}
    for name, table in tables.items():
        at = f"{where}: [scenarios.{name}]"
        for key in table.keys() - plain[name].keys():
            with saying_where(at):
                put([Limit(name, *parse_limit(f"{key} {table[key]}"), at)], plain, known, where)
    return plain


def _inner(table: dict[str, Json], name: str) -> dict[str, Json]:
    """Return the table below a name, as a copy that may be added to; what is no table is left for the file's check."""
    found = table.get(name, {})
    inner: dict[str, Json] = dict(found) if isinstance(found, dict) else {}
    if isinstance(found, dict):
        table[name] = inner
    return inner


def _without(scenario: str, text: str) -> str:
    """Return the text of a scenario's own limit without the scenario's name, if it begins with that."""
    before, colon, rest = text.partition(":")
    return rest if colon and before.strip() == scenario else text


def _meant(name: str, text: str, known: Known) -> tuple[str, str]:
    """Return the scenario and the step that the name of a limit means."""
    before, colon, after = (part.strip() for part in name.partition(":"))
    if colon and before in known:
        return before, after
    if name in known:  # of steps that are not declared, the one with the scenario's name is meant
        return name, "" if known[name] else name
    of_step = [scenario for scenario, steps in known.items() if name in steps]
    if len(of_step) == 1 or len(known) == 1:
        return (of_step or list(known))[0], name
    if name and not of_step and all(known.values()):
        steps = [step for each in known.values() for step in each]
        raise UsageError(f"{FLAG} {text!r}: there is no step {name!r}.{did_you_mean(name, [*steps, *known])}")
    raise UsageError(
        f"{FLAG} {text!r}: which scenario? Write 'SCENARIO: {text}' with one of {', '.join(known)}"
    )
