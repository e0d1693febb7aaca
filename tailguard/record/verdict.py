"""Verdicts: an objective's, a change's, a query plan's, a proof's. Each holds the numbers that it was decided by.

`judge/` and `compare/` make them from the raw files and the rest of the record, and `verify` makes them again.
"""

from typing import Literal, TypeAlias

from tailguard.base.state import State
from tailguard.record.objective import Dependence, Objective
from tailguard.record.part import Count, Estimate, Part, Share


class ObjectiveVerdict(Part, frozen=True, kw_only=True, tag_field="kind", tag="objective"):
    """Whether a scenario kept an objective.

    `n` and `exceedances` are those of the look that decided (all samples if none did); `observed` is of all
    samples, in ms or as a ratio, and its interval the inversion of the test that decided: before doubts and the number
    of objectives are weighed, it is a PASS exactly if the upper bound is within the limit. `tau` is 1 without clusters;
    `p_fail` bounds the chance of evidence this strong against the objective if it is in truth met.
    """

    name: str
    state: State
    objective: Objective
    n: Count
    exceedances: Count
    observed: Estimate | None
    alpha: float
    rule: Literal["exact binomial", "sequential"]
    dependence: Dependence
    tau: float
    p_fail: float
    why: str

    @property
    def scenario(self) -> str:
        return self.objective.scenario

    @property
    def headroom(self) -> float | None:
        """The limit over what was observed, of a least share that of the others; None if nothing was, or 0."""
        value = None if self.observed is None else self.observed.value
        if value is not None and self.objective.min_ratio is not None:
            return self.objective.p0 / (1 - value) if value < 1 else None
        return self.objective.limit / value if value else None


ChangeRule: TypeAlias = Literal[
    "signed-rank bound on paired blocks",
    "sign bound on paired blocks",
    "Welch bound on runs",
    "range of runs",
]


class ChangeVerdict(Part, frozen=True, kw_only=True, tag_field="kind", tag="change"):
    """Whether a metric became worse than its baseline: the quantile `q` of a step, or (q is None) errors and refusals.

    `change` is a share of the baseline (0.05 is 5 % slower), for errors and refusals a difference in points (0.01
    is one in a hundred more) unless they are claimed to become fewer. `low` and `high` bound it, each wrong with at
    most `alpha` over all looks; None if unbounded. `baseline` and `candidate` are medians over the pairs, in ms or
    as a rate. `pairs` are those of the look that decided, `slower` counts those in which the candidate was. Only a
    `gated` one can fail a run; the others are watched. The range of runs has neither an alpha nor a p.
    """

    name: str
    state: State
    scenario: str
    step: str
    q: Share | None
    change: float | None
    low: float | None
    high: float | None
    margin: float | None
    alpha: float | None
    p_fail: float | None
    pairs: Count
    slower: Count
    baseline: float | None
    candidate: float | None
    gated: bool
    rule: ChangeRule
    why: str

    @property
    def is_claim(self) -> bool:
        """Whether it is a claimed gain: only then is the margin below 0."""
        return self.margin is not None and self.margin < 0

    @property
    def is_rate(self) -> bool:
        """Whether it is about errors and refusals."""
        return self.q is None

    @property
    def in_points(self) -> bool:
        """Whether the change is a difference of two rates, and no share of the baseline."""
        return self.is_rate and not self.is_claim


class PlanVerdict(Part, frozen=True, kw_only=True, tag_field="kind", tag="plan"):
    """Whether a migration's query reads more blocks than on the baseline's side; deterministic, so one look decides.

    `query` names it by its migration's slug; blocks are None on a side that has no such query, or whose query failed.
    `diff` names the nodes of the plan that changed.
    """

    name: str
    state: State
    query: str
    baseline_blocks: Count | None
    candidate_blocks: Count | None
    diff: tuple[str, ...]
    why: str

    @property
    def change(self) -> float | None:
        """More blocks, as a share of the baseline's."""
        if not self.baseline_blocks or self.candidate_blocks is None:
            return None
        return self.candidate_blocks / self.baseline_blocks - 1


class ProofVerdict(Part, frozen=True, kw_only=True, tag_field="kind", tag="proof"):
    """One question about a migration, what was expected and what was seen.

    `migration` is its number. `exceedances` of the `n` things looked at are not as expected: requests `under_load`,
    or 1 of 1 for a look at a plan or the catalogue. `alpha` is None if no test was needed.
    """

    name: str
    state: State
    migration: str
    expected: str
    observed: str
    n: Count
    exceedances: Count
    alpha: float | None = None
    under_load: bool = False

    @property
    def why(self) -> str:
        """Both, in a sentence."""
        return f"expected {self.expected}, observed {self.observed}" if self.expected else self.observed


class WindowVerdict(Part, frozen=True, kw_only=True, tag_field="kind", tag="window"):
    """Whether every window of a soak kept an objective: of `windows`, `breached` did not and `undecided` may not have.

    `exceedances` of `n` samples are those of the worst one, which began `worst_s` after the soak; None if there is no
    window. A window is breached if the test says so at `alpha` over all windows together.
    """

    name: str
    state: State
    objective: Objective
    over_s: float
    windows: Count
    breached: Count
    undecided: Count
    worst_s: float | None
    n: Count
    exceedances: Count
    alpha: float
    why: str

    @property
    def scenario(self) -> str:
        return self.objective.scenario


class DriftVerdict(Part, frozen=True, kw_only=True, tag_field="kind", tag="drift"):
    """Whether a reading of a soak grew by less than its limit: steady (PASS), grows (FAIL), undecided.

    All slopes are per hour in `unit`; "%" is a share of the reading's mean. Each bound is wrong with at most `alpha`;
    None if there are too few points. `groups` are the blocks whose middles were compared.
    """

    name: str
    state: State
    reading: str
    scenario: str
    slope: float | None
    low: float | None
    high: float | None
    limit: float
    unit: str
    groups: Count
    alpha: float
    why: str


class AnswersVerdict(Part, frozen=True, kw_only=True, tag_field="kind", tag="answers"):
    """Whether a shadow run's candidate answers as the primary does, but for the primary's own noise.

    Of `n` compared answers `differing` differ in a field that is not known to be noise; in `fields` of them they differ
    for certain. `alpha` bounds the chance of a false FAIL, and of a false PASS.
    """

    name: str
    state: State
    n: Count
    differing: Count
    fields: Count
    alpha: float
    why: str


Verdict: TypeAlias = (
    ObjectiveVerdict
    | ChangeVerdict
    | PlanVerdict
    | ProofVerdict
    | WindowVerdict
    | DriftVerdict
    | AnswersVerdict
)
