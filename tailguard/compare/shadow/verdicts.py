"""All verdicts of a shadow run: are the answers the same, and is the candidate slower?"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log
from typing import TypeVar

import numpy as np
from msgspec.structs import replace

from tailguard.base.state import State
from tailguard.base.text_format import ratio
from tailguard.compare.comparison import (
    ALPHA,
    RULE,
    WATCHED_WHY,
    ComparedMetric,
    allowed_change,
    compare_pairs,
    compared_quantiles,
    guarded,
)
from tailguard.compare.pairs import FEWEST
from tailguard.compare.shadow import MOST_DIFFERING
from tailguard.compare.shadow.noise import differences_of, requests_differing, requests_in
from tailguard.record.doubt import Doubt, Grade
from tailguard.record.run import Run
from tailguard.record.samples import Samples
from tailguard.record.shadow import CANDIDATE, PRIMARY, AnswerDifference, Shadow
from tailguard.record.shadow.answers import ANSWERS, Answers, read_answers
from tailguard.record.verdict import AnswersVerdict, ChangeVerdict
from tailguard.trust.shadow_doubts import shadow_doubts

V = TypeVar("V", ChangeVerdict, AnswersVerdict)

# All requests of a side, in pairs of so many parts of the run: a slow spell of the machine is in both.
BLOCKS = 20
REQUEST = "request"
# With none that differs, so many show that fewer than MOST_DIFFERING do, wrong with at most ALPHA.
FEWEST_ANSWERS = ceil(log(ALPHA) / log(1 - MOST_DIFFERING))


@dataclass(frozen=True, slots=True)
class ShadowComparison:
    """All that follows from the files of a shadow run."""

    differences: tuple[AnswerDifference, ...]
    answers: AnswersVerdict
    changes: tuple[ChangeVerdict, ...]
    doubts: tuple[Doubt, ...]

    @property
    def verdicts(self) -> tuple[ChangeVerdict | AnswersVerdict, ...]:
        """Those that the run is judged by: nothing passes that a grave doubt stands against.

        A FAIL stays, as the difference was seen.
        """
        gated = tuple(each for each in self.changes if each.gated)
        grave = "; ".join(each.measured for each in self.doubts if each.grade is Grade.GRAVE)
        if not grave:
            return (self.answers, *gated)
        return (_distrusted(self.answers, grave), *(_distrusted(each, grave) for each in gated))

    @property
    def watched(self) -> tuple[ChangeVerdict, ...]:
        """Those that the run does not fail by."""
        return tuple(each for each in self.changes if not each.gated)


def compare_shadow(run: Run, shadow: Shadow) -> ShadowComparison:
    """Compare both sides; raise UsageError if a raw file is missing or broken."""
    samples = run.samples() if run.record.scenarios else {}
    answers = read_answers(run.raw_file(ANSWERS))
    examples = {(each.route, each.field): (each.primary, each.candidate) for each in shadow.differences}
    differences = differences_of(answers, shadow.ignored, examples)
    return ShadowComparison(
        differences=differences,
        answers=_answers_verdict(answers, differences),
        changes=tuple(_changes(shadow, samples)),
        doubts=tuple(shadow_doubts(shadow.counts)),
    )


def _changes(shadow: Shadow, samples: Mapping[str, Samples]) -> list[ChangeVerdict]:
    """Compare the latencies of all requests together and, watched, of each route; and errors.

    A FAIL stands only if Holm's step-down over all of them grants it.
    """
    sides = [samples[name] for name in (PRIMARY, CANDIDATE) if name in samples]
    if len(sides) < 2:  # noqa: PLR2004  # primary and candidate
        return [ComparedMetric(CANDIDATE, REQUEST, None).invalid(RULE, "no request was repeated")]
    whole = [
        dataclasses.replace(side, steps=(REQUEST,), step=np.zeros(len(side), np.uint8)) for side in sides
    ]
    quantiles = compared_quantiles(shadow.margins)
    found = [_compare(ComparedMetric(CANDIDATE, REQUEST, q), whole, shadow) for q in quantiles]
    found.append(_compare(ComparedMetric(CANDIDATE, "", None), whole, shadow))
    for route in _common(sides):
        of_route = [_of_step(side, route) for side in sides]
        found += [
            _watched(_compare(ComparedMetric(CANDIDATE, route, q), of_route, shadow)) for q in quantiles
        ]
    return guarded(found)


def _answers_verdict(answers: Answers, differences: Sequence[AnswerDifference]) -> AnswersVerdict:
    """Say whether the candidate's answers are the primary's, but for its own noise."""
    n = requests_in(answers)
    failed = [each for each in differences if each.state is State.FAIL]
    unclear = [each for each in differences if each.state is State.INCONCLUSIVE]
    differing = requests_differing(answers, [(each.route, each.field) for each in (*failed, *unclear)])
    if failed:
        state, why = State.FAIL, f"{_places(failed)} differ more often than the primary from itself"
    elif unclear:
        state, why = (
            State.INCONCLUSIVE,
            f"{_places(unclear)} differ too rarely to tell from the primary's own noise",
        )
    elif n < FEWEST_ANSWERS:
        state, why = (
            State.INCONCLUSIVE,
            f"all same, but {FEWEST_ANSWERS} answers are needed: let it run longer",
        )
    else:
        state, why = State.PASS, f"all same: fewer than {ratio(MOST_DIFFERING)} of all answers differ"
    return AnswersVerdict(
        name="answers", state=state, n=n, differing=differing, fields=len(failed), alpha=ALPHA, why=why
    )


def _distrusted(verdict: V, grave: str) -> V:
    if verdict.state is State.FAIL:
        return verdict
    return replace(verdict, state=State.INVALID, why=f"not trusted: {grave} (else: {verdict.why})")


def _compare(metric: ComparedMetric, sides: Sequence[Samples], shadow: Shadow) -> ChangeVerdict:
    """What failed on one side has no latency to compare: that alone makes no measurement invalid."""
    blocks = max(1, min(BLOCKS, min(map(len, sides)) // FEWEST))
    a, b = ([side.rows(rows) for rows in np.array_split(np.arange(len(side)), blocks)] for side in sides)
    found = compare_pairs(metric, a, b, shadow.margins, once=True)
    if found.state is not State.INVALID:
        return found
    gated = metric.q is None or allowed_change(shadow.margins, metric.q)[1]
    return replace(found, state=State.INCONCLUSIVE, gated=gated)


def _watched(found: ChangeVerdict) -> ChangeVerdict:
    why = found.why if found.why.endswith(WATCHED_WHY) else found.why + WATCHED_WHY
    return replace(found, gated=False, why=why)


def _common(sides: Sequence[Samples]) -> Iterator[str]:
    """The routes, unless one is all: then nothing more is told by it."""
    if len(sides[0].steps) > 1:
        yield from (route for route in sides[0].steps if route in sides[1].steps)


def _of_step(samples: Samples, step: str) -> Samples:
    return samples.rows(np.flatnonzero(samples.step == samples.step_index(step)))


def _places(differences: Sequence[AnswerDifference]) -> str:
    names = [f"{each.route}: {each.field}" for each in differences]
    rest = len(names) - 3
    return ", ".join(names[:3]) + (f" and {rest} more fields" if rest > 0 else "")
