"""Parameters: one journey with a case for each of their values, `checkout[size=10]`, measured and judged on its own."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product

from tailguard.base.errors import UsageError
from tailguard.config.layers import limit_apart

Params = Mapping[str, Sequence[object]]
Case = Mapping[str, object]

# What a value looks like in a name: it is in brackets, between commas, before a colon.
_VALUE = re.compile(r"[\w.+-]+")
# A limit of some cases only: "[size=1000]: p95 <= 900ms".
_OF_CASES = re.compile(r"\s*\[([^\]]*)\]\s*:?\s*(.*)", re.DOTALL)


def cases_of(params: Params) -> list[Case]:
    """Return a case for each combination of values."""
    return [dict(zip(params, values, strict=True)) for values in product(*params.values())]


def label_of(case: Case) -> str:
    """Return what follows a scenario's name, such as "[size=10]"; "" without parameters."""
    return f"[{','.join(f'{name}={value}' for name, value in case.items())}]" if case else ""


def case_in(name: str) -> Case:
    """Return the values in a scenario's name such as "checkout[size=10]", as texts; none without parameters."""
    found = re.search(r"\[(.*)\]$", name)
    return dict(_pairs(found[1])) if found else {}


def slo_of(texts: Iterable[str], case: Case) -> dict[str, str]:
    """Return the limits of a case, each with its text: those of all, but for what one of its own states otherwise."""
    texts = list(texts)
    stated: dict[str, tuple[str, str]] = {}
    for is_own in (False, True):
        for text in texts:
            pairs, limit = _taken_apart(text)
            if bool(pairs) is is_own and pairs.items() <= _texts(case).items():
                stated[limit_apart(limit)[0]] = limit, text
    return dict(stated.values())


def check_params(params: Params, arguments: Sequence[str], texts: Sequence[str]) -> None:
    """Raise UsageError for what cannot be: a name that is not an argument, no values, limits of an unknown case."""
    for name, values in params.items():
        if name not in arguments:
            raise UsageError(
                f"params: {name!r} is not an argument; it takes {', '.join(arguments) or 'none'}"
            )
        if isinstance(values, str) or not values:
            raise UsageError(f"params: {name} is {values!r}: give a list of values")
        for value in values:
            if not _VALUE.fullmatch(str(value)):
                raise UsageError(
                    f"params: {name} has {value!r}: a value is a number, or a word of a-z, 0-9 and _.+-"
                )
        if len({str(value) for value in values}) < len(values):
            raise UsageError(f"params: {name} has one of {values!r} twice")
    check_limits(texts, cases_of(params))


def check_limits(texts: Sequence[str], cases: Sequence[Case]) -> None:
    """Raise UsageError for a limit of no case, and for one that is stated twice."""
    stated: dict[tuple[str, ...], str] = {}
    for text in texts:
        pairs, limit = _taken_apart(text)
        if not any(pairs.items() <= _texts(case).items() for case in cases):
            known = ", ".join(map(label_of, cases)) if any(cases) else "no params are stated"
            raise UsageError(f"limit {text!r} is of no case; known: {known}")
        left, bound = limit_apart(limit)
        other = stated.setdefault((*sorted(map("=".join, pairs.items())), left), text)
        if limit_apart(_taken_apart(other)[1])[1] != bound:
            raise UsageError(f"limit {text!r} and limit {other!r}: leave one out")


def _taken_apart(text: str) -> tuple[dict[str, str], str]:
    """Return the values that a limit is for, none for all, and the limit."""
    found = _OF_CASES.fullmatch(text)
    return (dict(_pairs(found[1])), found[2]) if found else ({}, text)


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for pair in text.split(","):
        name, _, value = pair.partition("=")
        yield name.strip(), value.strip()


def _texts(case: Case) -> dict[str, str]:
    return {name: str(value) for name, value in case.items()}
