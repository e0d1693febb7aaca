"""Whether clients were held up while an index was built or dropped: decided on counts, beside a plain control."""

from collections.abc import Iterator, Mapping

from tailguard.base.state import State
from tailguard.engine.quantiles import estimate
from tailguard.judge.decision import judge_counts
from tailguard.judge.proof.responses import LiveWindows, Responses
from tailguard.record.migration import Act, Client, LiveProof, MigrationEntry
from tailguard.record.samples import Samples
from tailguard.record.verdict import ProofVerdict

# A blocked request waits for all that is left of the build, so the longest one takes about the build's length
# (measured: 100 %). Contention for CPU and disk reached 14 % of it. Half lies well between the two.
STALL = 0.5
# Three of four requests that a lock blocks wait longer than this share of the build; at most 1 in 100 may.
HELD_UP, MOST_HELD_UP = 0.25, 0.01
ALPHA = 0.01  # the rate of wrong verdicts, each side
# At 1 in 100 allowed, 459 requests without one held up decide a p99 at 99 %.
ENOUGH = 460
# A shorter build cannot be told from the machine's own hiccups.
SHORTEST_BUILD_S = 0.3


def under_load_verdicts(
    entry: MigrationEntry, proof: LiveProof, live: Mapping[str, Samples]
) -> Iterator[ProofVerdict]:
    """Judge the baseline first: on a machine that stalls by itself, a stall says nothing about a build."""
    windows = LiveWindows(proof, live)
    for who in proof.baseline:
        met, unbuilt = windows.builds(who), windows.baseline(who)
        baseline = judge_baseline(entry, who, unbuilt)
        unsteady = "" if baseline.state is State.PASS else baseline.observed
        yield baseline
        yield judge_stall(entry, who, met, unsteady)
        yield judge_p99(entry, who, met, unbuilt, unsteady)
        yield judge_errors(entry, who, met)
    if proof.control is not None:
        yield judge_control(entry, windows.control(proof.control, "writers"))


def judge_stall(entry: MigrationEntry, who: Client, met: Responses, unsteady: str = "") -> ProofVerdict:
    """Judge the longest response against the length of its build, or of its drop.

    `unsteady` says how the baseline is, if it is too unsteady to judge beside it.
    """
    stalled = int((met.shares >= STALL).sum())
    return ProofVerdict(
        name=f"no stall of {who}",
        state=State.INCONCLUSIVE if unsteady or _too_short(met) else _failed_if(stalled),
        migration=entry.number,
        expected=f"longest response below {STALL:.0%} of its {entry.act}",
        observed=f"{_longest(met, entry.act)}{_unjudged(unsteady)}",
        n=len(met),
        exceedances=stalled,
        under_load=True,
    )


def judge_p99(
    entry: MigrationEntry, who: Client, met: Responses, baseline: Responses, unsteady: str = ""
) -> ProofVerdict:
    """Judge the share of requests held up by a build, with the exact binomial test (house law 1: on counts)."""
    act, held_up = entry.act, int((met.shares > HELD_UP).sum())
    state, remark = _p99_state(met, held_up, act)
    counted = f"{held_up} of {len(met)}; p99 {_p99(met)}, {_p99(baseline)} without a {act}"
    return ProofVerdict(
        name=f"p99 of {who}",
        state=State.INCONCLUSIVE if unsteady else state,
        migration=entry.number,
        expected=f"at most {MOST_HELD_UP:.0%} of requests take over {HELD_UP:.0%} of the {act}",
        observed=f"{counted}{remark}{_unjudged(unsteady)}",
        n=len(met),
        exceedances=held_up,
        alpha=ALPHA,
        under_load=True,
    )


def judge_errors(entry: MigrationEntry, who: Client, met: Responses) -> ProofVerdict:
    """Judge failed requests: none may fail, and if there was none, none is known to succeed."""
    return ProofVerdict(
        name=f"no failed request of {who}",
        state=_failed_if(met.errors) if len(met) else State.INCONCLUSIVE,
        migration=entry.number,
        expected="0",
        observed=f"{met.errors} of {len(met)}",
        n=len(met),
        exceedances=met.errors,
        under_load=True,
    )


def judge_baseline(entry: MigrationEntry, who: Client, baseline: Responses) -> ProofVerdict:
    """Judge whether the quiet machine is quiet enough: if it stalls by itself, no build can be judged."""
    worst = float(baseline.shares.max()) if len(baseline) else float("inf")
    unsteady = int(((baseline.shares >= HELD_UP) | baseline.failed).sum())
    return ProofVerdict(
        name=f"steady baseline of {who}",
        state=State.INCONCLUSIVE if unsteady or not len(baseline) else State.PASS,
        migration=entry.number,
        expected=f"without a {entry.act}: below {HELD_UP:.0%} of a {entry.act}'s length, none failed",
        observed=f"longest {worst:.1%} of it, {baseline.errors} failed",
        n=len(baseline),
        exceedances=unsteady,
        under_load=True,
    )


def judge_control(entry: MigrationEntry, met: Responses) -> ProofVerdict:
    """Judge the positive control: the plain statement stalls writers; a proof blind to that is worth nothing.

    However short it is: a plain build takes about half as long as the concurrent one, which is judged beside it.
    """
    caught = bool((met.shares >= STALL).any())
    return ProofVerdict(
        name="positive control",
        state=State.PASS if caught else State.INVALID,
        migration=entry.number,
        expected=f"a plain {entry.statement} is caught: a response of {STALL:.0%} of the {entry.act} or more",
        observed=_longest(met, entry.act),
        n=1,
        exceedances=int(not caught),
        under_load=True,
    )


def _failed_if(exceedances: int) -> State:
    return State.FAIL if exceedances else State.PASS


def _too_short(met: Responses) -> bool:
    """Whether the build of the longest response is too short to judge, or there is no response."""
    return not len(met) or float(met.build_s[met.shares.argmax()]) < SHORTEST_BUILD_S


def _longest(met: Responses, act: Act) -> str:
    """Say how long the response took that lasted the largest share of its build."""
    if not len(met):
        return f"no request during a {act}"
    worst = int(met.shares.argmax())
    took = (
        f"{met.response_ms[worst]:.1f} ms, {met.shares[worst]:.1%} of a {act} of {met.build_s[worst]:.2f} s"
    )
    return f"{took}{_shortness(act)}" if _too_short(met) else took


def _p99_state(met: Responses, held_up: int, act: Act) -> tuple[State, str]:
    state = judge_counts(len(met), held_up, p0=MOST_HELD_UP, alpha=ALPHA).state if len(met) else None
    if state is State.FAIL and met.build_s.min() < SHORTEST_BUILD_S:
        return State.INCONCLUSIVE, _shortness(act)
    if state is None or state is State.INCONCLUSIVE:
        return State.INCONCLUSIVE, ": too few to tell"
    return state, ""


def _shortness(act: Act) -> str:
    return f"; below {SHORTEST_BUILD_S:g} s a {act} is too short to judge: take more rows"


def _unjudged(unsteady: str) -> str:
    return f"; not judged, the baseline is unsteady: {unsteady}" if unsteady else ""


def _p99(responses: Responses) -> str:
    value = estimate(responses.response_ms, 0.99).value
    return "unknown" if value is None else f"{value:.1f} ms"
