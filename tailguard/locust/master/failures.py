"""A scenario of which most samples are errors: what the failures said, and what to look at. Most often a setting."""

from collections.abc import Iterator, Mapping

import numpy as np

from tailguard.engine.scenario_execution import NOT_SERVED, TIMED_OUT
from tailguard.engine.workload import Measurement
from tailguard.locust.master.master import Master
from tailguard.record.doubt import Doubt
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


def doubts_of_failures(measured: Mapping[str, Measurement], master: Master, host: str) -> Iterator[Doubt]:
    """Yield one for each scenario that failed more often than not, with the commonest failure in its own words."""
    for slug, measurement in measured.items():
        samples = measurement.samples
        errors = samples.error[samples.outcome == ERROR]
        if not len(samples) or len(errors) < MOST * len(samples):
            continue
        kind = samples.errors[int(np.bincount(errors).argmax())]
        if kind != NOT_SERVED:  # a matter of the rate, which has a doubt of its own
            yield _failing(slug, samples, len(errors), kind, _said(master, slug, kind), host)


def _failing(slug: str, samples: Samples, errors: int, kind: str, said: str, host: str) -> Doubt:
    return Doubt(
        "failing_scenario",
        slug,
        "warn",
        f"{errors} of {len(samples)} samples at {host} are errors, most of them {kind}"
        + (f": {said}" if said else ""),
        f"{MOST:.0%}",
        _remedy(kind),
    )


def _said(master: Master, slug: str, kind: str) -> str:
    roles = (told["roles"].get(slug, {}) for told in master.inbox.ledgers().values())
    return next((role["said"][kind] for role in roles if kind in role.get("said", {})), "")


def _remedy(kind: str) -> str:
    for beginnings, remedy in _REMEDIES:
        if kind.startswith(beginnings):
            return remedy
    return "look for this failure in the target's log; `tailguard preflight` tries each step once"
