"""A scenario of which most samples are errors: their messages, and what to look at. Most often it is a setting."""

import socket
import ssl
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from tailguard.base.text_format import ratio
from tailguard.engine.scenario_execution import NOT_SERVED, TIMED_OUT
from tailguard.locust.messages import Ledger
from tailguard.record.doubt import Doubt, Grade
from tailguard.record.samples import ERROR, Samples
from tailguard.record.samples.first_failure import FirstFailure, full_name

# Below it, a platform under load fails now and then; from here on it was hardly asked what we meant to ask.
MOST = 0.5
_NO_ANSWER = "no answer in time: look for a lock, a full queue or a firewall"


class _Remedy(NamedTuple):
    """What to look at if a failure, or a cause of it, is of such a class or tells such a status."""

    classes: tuple[type[BaseException], ...]
    statuses: Collection[int]
    told: str


# The first that fits.
_REMEDIES = (
    _Remedy(
        (ConnectionRefusedError, socket.gaierror),
        (),
        "nothing listens there: check --host, its port and that the server runs",
    ),
    _Remedy(
        (ssl.SSLError,),
        (),
        "TLS failed: check that the port speaks what --host says (http or https) and whose its certificate is; "
        "ca_file of [target] names an authority, verify_tls = false trusts anybody",
    ),
    _Remedy(
        (),
        (404, 405),
        "no such route: check the path and the method of the step in the target's file against the platform's own "
        "list of routes, and that its rows exist",
    ),
    _Remedy((), (401, 403), "we are not let in: check [target.login], and what its users may do"),
    _Remedy(
        (),
        range(300, 400),
        "the target redirects: write --host and the step's path as the Location has them, or switch the redirect off",
    ),
    _Remedy((TimeoutError,), (408, 504), _NO_ANSWER),
)
_ELSE = "look for this failure in the target's log; `tailguard preflight` tries each step once"


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
        first = _first(ledgers, slug, kind)
        yield Doubt(
            kind="failing_scenario",
            scenario=slug,
            grade=Grade.WARN,
            measured=f"{len(errors)} of {len(of_scenario)} samples{at} are errors, most of them {kind}"
            + (f": {first.said}" if first.said else ""),
            limit=ratio(MOST),
            remedy=_remedy(kind, first),
        )


def _first(ledgers: Sequence[Ledger], slug: str, kind: str) -> FirstFailure:
    told = (ledger.scenarios[slug].first for ledger in ledgers if slug in ledger.scenarios)
    return next((first[kind] for first in told if kind in first), FirstFailure(""))


def _remedy(kind: str, first: FirstFailure) -> str:
    if kind == TIMED_OUT:  # our own word for an iteration that never came back: nothing was raised
        return _NO_ANSWER
    for remedy in _REMEDIES:
        names = {full_name(each) for each in remedy.classes}
        if first.status in remedy.statuses or not names.isdisjoint(first.classes):
            return remedy.told
    return _ELSE
