"""From what the workers sent to a scenario's measurement, and to what the record says of their broadcasts."""

import time
from collections.abc import Sequence

import numpy as np

from tailguard.engine.workload import Measurement
from tailguard.locust.master.master import Master
from tailguard.locust.messages import Plan
from tailguard.record.locust import Broadcasts
from tailguard.record.scenario import ClosedSchedule, ScenarioEnded, Schedule


def measurement_of(slug: str, steps: Sequence[str], master: Master, ended: ScenarioEnded) -> Measurement:
    """Merge what all workers measured of a scenario of these declared steps; so far, while it is RUNNING."""
    ledgers = master.inbox.ledgers().values()
    told = [ledger.scenarios[slug] for ledger in ledgers if slug in ledger.scenarios]
    until_ns = master.closed_ns or time.monotonic_ns()
    measured_s = (until_ns - master.went_ns) / 1e9 if master.went_ns else 0.0
    offered = sum(each.offered for each in told)
    lateness = [np.frombuffer(each.lateness_ns, np.int64) for each in told]
    return Measurement(
        samples=master.inbox.samples(slug, steps, last=ended is not ScenarioEnded.RUNNING),
        schedule=schedule_of(master.plan, slug, sum(each.users for each in told)),
        warmup=sum(each.warmup for each in told),
        offered_rate_per_s=offered / measured_s if master.plan.schedules and measured_s else None,
        achieved_rate_per_s=sum(each.ended for each in told) / measured_s if measured_s else 0.0,
        measured_s=measured_s,
        own_s=sum(each.own_s for each in told),
        lateness_ns=np.concatenate([np.empty(0, np.int64), *lateness]),
        ended_because=ended,
        said={kind: first.said for each in reversed(told) for kind, first in each.first.items()},
    )


def schedule_of(plan: Plan, slug: str, users: int) -> Schedule:
    """Return what the record says of the model: a schedule, or that it was closed."""
    if plan.schedules:
        return plan.schedules[slug].schedule().describe(users)
    return ClosedSchedule(clients=users, workers=users, think_s=plan.think_s.get(slug))


def broadcasts_of(master: Master) -> dict[str, Broadcasts]:
    """Return what came of the broadcasts of each scenario that has spectators, over all workers."""
    ledgers = master.inbox.ledgers()
    found: dict[str, Broadcasts] = {}
    for slug, ends in master.inbox.ends.items():
        if not ends:
            continue
        watched = {worker: ledgers[worker].watched[slug] for worker in ends}
        found[slug] = Broadcasts(
            spectators={worker: told.spectators for worker, told in watched.items()},
            duplicates=sum(told.duplicates for told in watched.values()),
            joined=sum(each.joined for each in ends.values()),
            later=sum(each.moved for each in ends.values()),
            lost_elsewhere=sum(each.lost_count for each in ends.values()),
            unmatched=sum(each.unmatched for each in ends.values()),
        )
    return found
