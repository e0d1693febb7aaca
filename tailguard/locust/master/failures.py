"""A scenario of which most samples are errors: what the failures said, and what to look at. Most often a setting."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from tailguard.engine.scenario_execution import NOT_SERVED, TIMED_OUT
from tailguard.locust.messages import Ledger
from tailguard.record.doubt import Doubt, Grade
from tailguard.record.samples import ERROR, Samples

# Below it, a platform under load fails now and then; from here on it was hardly asked what we meant to ask.
MOST = 0.5
# What to look at, by how the kind begins.
_REMEDIES = (
    (
        ("ConnectionRefused", "gaierror"),
        "nobody listens there: check --host, its port and that the server runs",
    ),
    (
        ("SSL", "Certificate"),
        (
            "TLS failed: check that the port speaks what --host says (http or https) and whose its certificate is; "
            "ca_file of [target] names an authority, verify_tls = false trusts anybody"
        ),
    ),
    (
        ("Status404", "Status405", "NotFound"),
        (
            "no such route: check the path and the method of the step in the target's file against the platform's own "
            "list of routes, and that its rows exist"
        ),
    ),
    (
        ("Status401", "Status403", "Unauthor", "Forbidden"),
        "we are not let in: check [target.login], and what its users may do",
    ),
    (
        (TIMED_OUT, "TimeoutError", "timeout"),
        "no answer in time: look for a lock, a full queue or a firewall",
    ),
)


def doubts_of_failures(
    samples: Mapping[str, Samples], ledgers: Sequence[Ledger], url: str
) -> Iterator[Doubt]:
    """Yield one for each scenario that failed more often than not, with the commonest failure in its own words.

    `url` is the target's, "" for one of the suite's own.
    """
    at = f" at {url}" if url else ""
    for slug, of_scenario in samples.items():
        errors = of_scenario.error[of_scenario.outcome == ERROR]
        if not len(of_scenario) or len(errors) < MOST * len(of_scenario):
            continue
        kind = of_scenario.errors[int(np.bincount(errors).argmax())]
        if kind == NOT_SERVED:  # a matter of the rate, which has a doubt of its own
            continue
        said = _said(ledgers, slug, kind)
        yield Doubt(
            kind="failing_scenario",
            scenario=slug,
            grade=Grade.WARN,
            measured=f"{len(errors)} of {len(of_scenario)} samples{at} are errors, most of them {kind}"
            + (f": {said}" if said else ""),
            limit=f"{MOST:.0%}",
            remedy=_remedy(kind),
        )


def _said(ledgers: Sequence[Ledger], slug: str, kind: str) -> str:
    told = (ledger.scenarios[slug].said for ledger in ledgers if slug in ledger.scenarios)
    return next((said[kind] for said in told if kind in said), "")


def _remedy(kind: str) -> str:
    for beginnings, remedy in _REMEDIES:
        if kind.startswith(beginnings):
            return remedy
    return "look for this failure in the target's log; `tailguard preflight` tries each step once"
