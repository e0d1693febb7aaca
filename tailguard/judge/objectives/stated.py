"""Limits, each written as one text: beside a scenario, on the command line, as a key of an objectives file.

They are put into the tables of an objectives file, so that all are read, checked and named alike.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from tailguard.base.errors import UsageError
from tailguard.config.merge import Config, base_name
from tailguard.config.option import did_you_mean
from tailguard.judge.checked_table import saying_where
from tailguard.judge.objective import parse_limit
from tailguard.record.part import Json
from tailguard.suite.params import case_in, slo_of
from tailguard.suite.scenario import Limits

# The steps that each scenario declares, in order; none if they are found while it runs.
Known = Mapping[str, Sequence[str]]
Tables = dict[str, dict[str, Json]]

FLAG = "--objective"
_LAST = 1 << 30  # the rank of a flag: it comes after all layers of the configuration


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit of a scenario: step ("" for its first), key and bound as in an objectives file; `place` states it.

    `is_refusal`: the key is a refusal, and the bound its share. Of one that is stated twice, that of the higher `rank`
    holds: 0 is a scenario itself and the objectives file.
    """

    scenario: str
    step: str
    key: str
    bound: str
    place: str
    is_refusal: bool = False
    rank: int = 0


def limits_beside(stated: Mapping[str, Limits]) -> Iterator[Limit]:
    """Yield the limits that scenarios state themselves, by scenario. Raises UsageError for what does not parse."""
    for scenario, limits in stated.items():
        place = f"scenario {scenario!r}"
        for text in limits.slo:
            yield Limit(scenario, *parse_limit(_without(scenario, text)), place)
        for refusal, share in limits.refusals.items():
            yield Limit(scenario, "", refusal, share, place, is_refusal=True)


def limits_configured(config: Config, known: Known) -> Iterator[Limit]:
    """Yield the limits of the tables [scenario.NAME.slo], the earliest place first. Raises as `limits_beside` does."""
    for scenario in known:
        for rank, same in groupby(config.limits_of(scenario), key=lambda limit: limit.rank):
            sources = {limit.text: limit.source for limit in same}
            for limit, text in slo_of(sources, case_in(scenario)).items():
                with saying_where(sources[text]):
                    parsed = parse_limit(limit)
                yield Limit(scenario, *parsed, sources[text], rank=rank)


def limits_asked(texts: Iterable[str], known: Known) -> Iterator[Limit]:
    """Yield the limits of a command line: `[SCENARIO:] [STEP] METRIC <= LIMIT`, of the scenarios that are measured.

    Raises UsageError for what does not parse, or does not say which scenario it is for.
    """
    for text in texts:
        name, key, bound = parse_limit(text)
        for scenario, step in _meant(name, text, known):
            # A rate is the whole scenario's.
            of_step = "" if step == scenario and key.endswith("_rate") else step
            yield Limit(scenario, of_step, key, bound, f"{FLAG} {text!r}", rank=_LAST)


def put(limits: Iterable[Limit], tables: Tables, known: Known, where: str) -> None:
    """Put limits into the [scenarios] tables of the file `where`; they come in the order of their ranks.

    Raises UsageError for one that is stated otherwise in the same rank, with both places.
    """
    places: dict[tuple[str, str, str], Limit] = {}
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
        earlier = places.get(at)
        if of_step.get(limit.key, limit.bound) != limit.bound and limit.rank == (
            earlier.rank if earlier else 0
        ):
            other = f"{earlier.place if earlier else where} {limit.key} {of_step[limit.key]}"
            raise UsageError(f"{limit.place} states {limit.key} {limit.bound}, and {other}: leave one out")
        of_step[limit.key], places[at] = limit.bound, limit


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
    """Return the table below a name, as a copy that may be added to; the file's check takes care of others."""
    found = table.get(name, {})
    inner: dict[str, Json] = dict(found) if isinstance(found, dict) else {}
    if isinstance(found, dict):
        table[name] = inner
    return inner


def _without(scenario: str, text: str) -> str:
    """Return the text of a scenario's own limit without the scenario's name, if it begins with that."""
    before, colon, rest = text.partition(":")
    return rest if colon and before.strip() == scenario else text


def _meant(name: str, text: str, known: Known) -> list[tuple[str, str]]:
    """Return the scenarios, all cases of one with parameters, and the step that the name of a limit means."""
    before, colon, after = (part.strip() for part in name.partition(":"))
    if colon and (cases := [each for each in known if before in (each, base_name(each))]):
        return [(case, after) for case in cases]
    if name in known:  # of steps that are not declared, the one with the scenario's name is meant
        return [(name, "" if known[name] else name)]
    of_step = [scenario for scenario, steps in known.items() if name in steps]
    if len(of_step) == 1 or len(known) == 1:
        return [((of_step or list(known))[0], name)]
    if name and not of_step and all(known.values()):
        steps = [step for each in known.values() for step in each]
        raise UsageError(f"{FLAG} {text!r}: there is no step {name!r}.{did_you_mean(name, [*steps, *known])}")
    raise UsageError(
        f"{FLAG} {text!r}: which scenario? Write 'SCENARIO: {text}' with one of {', '.join(known)}"
    )
