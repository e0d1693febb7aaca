"""Which differences between answers are the candidate's, and which the primary's own noise."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp  # scipy.stats says the same and takes a second to import

from tailguard.base.state import State
from tailguard.compare.comparison import ALPHA
from tailguard.judge.multiplicity import holm
from tailguard.record.shadow import AnswerDifference, Ignored
from tailguard.record.shadow.answers import SAME, Answers

Place = tuple[str, str]  # a route, and a field of its answers


def differences_of(
    answers: Answers, ignored: Sequence[Ignored], examples: Mapping[Place, tuple[str, str]]
) -> tuple[AnswerDifference, ...]:
    """Return each field in which the candidate differed, unless it is ignored; the worst state first.

    FAIL if the candidate differs more often than the primary from itself (Fisher's exact test, Holm over all fields),
    or ever where the primary was never asked twice. PASS, as noise, if the primary differed there from itself.
    """
    compared, differing = _counts(answers, twice=False)
    asked, differing_twice = _counts(answers, twice=True)
    places = [place for place in differing if not _is_ignored(place, ignored)]
    p_values = [
        _p_more_often(differing[at], compared[at[0]], differing_twice[at], asked[at[0]])
        if asked[at[0]]
        else None
        for at in places
    ]
    stands = holm([p or 0.0 for p in p_values], ALPHA)
    found = [
        AnswerDifference(
            route=at[0],
            field=at[1],
            state=_state(stood, differing_twice[at]),
            compared=compared[at[0]],
            differing=differing[at],
            asked_twice=asked[at[0]],
            differing_twice=differing_twice[at],
            p=p,
            primary=examples.get(at, ("", ""))[0],
            candidate=examples.get(at, ("", ""))[1],
        )
        for at, p, stood in zip(places, p_values, stands, strict=True)
    ]
    return tuple(
        sorted(found, key=lambda each: (-each.state.severity, -each.differing, each.route, each.field))
    )


def requests_in(answers: Answers) -> int:
    """Return how many answers of the candidate's were compared."""
    return len(np.unique(answers.request[~answers.twice]))


def requests_differing(answers: Answers, places: Sequence[Place]) -> int:
    """Return how many of them differ in one of these fields."""
    width = len(answers.fields)
    wanted = [answers.routes.index(route) * width + answers.fields.index(field) for route, field in places]
    differs = np.isin(answers.route * width + answers.field, wanted) & ~answers.twice
    return len(np.unique(answers.request[differs]))


def _counts(answers: Answers, *, twice: bool) -> tuple[Counter[str], Counter[Place]]:
    """Count answers by route, and those that differ by route and field."""
    rows = answers.twice == twice
    per_route: Counter[str] = Counter()
    pairs = np.unique(np.column_stack([answers.request[rows], answers.route[rows]]), axis=0)
    for route, n in zip(*np.unique(pairs[:, 1], return_counts=True), strict=True):
        per_route[answers.routes[route]] = int(n)
    per_place: Counter[Place] = Counter()
    found = np.column_stack([answers.route[rows], answers.field[rows]])
    for (route, field), n in zip(*np.unique(found, axis=0, return_counts=True), strict=True):
        if answers.fields[field] != SAME:
            per_place[answers.routes[route], answers.fields[field]] = int(n)
    return per_route, per_place


def _p_more_often(differing: int, compared: int, differing_twice: int, asked_twice: int) -> float:
    """Fisher's exact test, one-sided: so many of the differing answers, or more, are the candidate's by chance."""
    drawn = differing + differing_twice
    ours = np.arange(differing, min(drawn, compared) + 1)
    log_ways = _log_choose(compared, ours) + _log_choose(asked_twice, drawn - ours)
    return min(1.0, float(np.exp(logsumexp(log_ways) - _log_choose(compared + asked_twice, np.array(drawn)))))


def _log_choose(n: int, k: NDArray[np.int64]) -> NDArray[np.float64]:
    """ln of n over k; -inf if it is impossible."""
    possible = np.minimum(k, n)
    found = gammaln(n + 1) - gammaln(possible + 1) - gammaln(n - possible + 1)
    return np.where(k <= n, found, -np.inf)


def _state(stood: bool, differing_twice: int) -> State:  # noqa: FBT001  # what Holm says of it
    if stood:
        return State.FAIL
    return State.PASS if differing_twice else State.INCONCLUSIVE


def _is_ignored(place: Place, ignored: Sequence[Ignored]) -> bool:
    return any(each.field == place[1] and each.route in ("", place[0]) for each in ignored)
