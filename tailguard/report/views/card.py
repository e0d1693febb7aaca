"""What is shown of a verdict."""

from dataclasses import dataclass
from typing import TypeAlias

from tailguard.compare.plan_comparison import MOST_MORE
from tailguard.compare.shadow import MOST_DIFFERING
from tailguard.record.verdict import (
    AnswersVerdict,
    ChangeVerdict,
    DriftVerdict,
    ObjectiveVerdict,
    PlanVerdict,
    WindowVerdict,
)

Judged: TypeAlias = (
    ObjectiveVerdict | ChangeVerdict | PlanVerdict | WindowVerdict | DriftVerdict | AnswersVerdict
)

_GAUGE_ROOM = 1.15  # the bar ends 15 % beyond the largest mark, so that a limit never sits on the edge


@dataclass(frozen=True, slots=True)
class Gauge:
    """Where observed value, interval, limit and zero lie on one linear bar, in per cent of its width."""

    value: float
    low: float
    high: float
    limit: float
    zero: float


@dataclass(frozen=True, slots=True)
class Card:
    """A verdict and what its numbers are in words, each "" if this kind of verdict has no such thing.

    `gauge` is None if nothing was observed.
    """

    verdict: Judged
    place: str
    anchor: str  # of the part of the page that tells more
    name: str  # without the place
    observed: str
    limit: str
    rule: str
    gauge: Gauge | None
    interval: str = ""
    observed_n: str = (
        ""  # all samples: sampling may have gone on after the decision, for another objective's sake
    )
    sides: str = ""  # of a change: from what to what
    limit_as: str = "limit"  # of a change "margin"
    counted_as: str = (
        ""  # what is counted here: "over limit", "errors", "retried", of a change "slower pairs"
    )
    counted: str = ""
    headroom: str = ""
    rule_detail: str = ""

    @property
    def used(self) -> float:
        """How much of the limit or margin was used, as a share: more than 1 is beyond it, 0 if that is not known."""
        match self.verdict:
            case ObjectiveVerdict():
                return 1 / self.verdict.headroom if self.verdict.headroom else 0.0
            case ChangeVerdict():
                return (self.verdict.change or 0.0) / self.verdict.margin if self.verdict.margin else 0.0
            case PlanVerdict():
                return (self.verdict.change or 0.0) / MOST_MORE
            case WindowVerdict():
                verdict = self.verdict
                return verdict.exceedances / verdict.n / verdict.objective.p0 if verdict.n else 0.0
            case DriftVerdict():
                return (self.verdict.slope or 0.0) / self.verdict.limit
            case AnswersVerdict():
                return self.verdict.differing / self.verdict.n / MOST_DIFFERING if self.verdict.n else 0.0


def gauge_of(value: float | None, low: float | None, high: float | None, limit: float | None) -> Gauge | None:
    """Place the marks between 0, or the lowest of them below it, and a little beyond the highest."""
    if value is None or not limit:
        return None
    start = min(0.0, value, low or 0.0) * _GAUGE_ROOM
    end = max(limit, value, high or 0.0) * _GAUGE_ROOM
    # A missing side is open, not tight.
    low, high = start if low is None else low, end if high is None else high
    return Gauge(*(round(100 * (mark - start) / (end - start), 2) for mark in (value, low, high, limit, 0.0)))
