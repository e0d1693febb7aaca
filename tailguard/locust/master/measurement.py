"""From what the workers sent to a scenario's measurement, and the doubts that only a Locust run can have."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tailguard.engine.scenario import Scenario
from tailguard.engine.workload import Measurement
from tailguard.locust.master.failures import doubts_of_failures
from tailguard.locust.master.master import Master
from tailguard.locust.master.worker_doubts import doubts_of_workers
from tailguard.locust.schedule import schedule_in
from tailguard.locust.worker.worker import Message
from tailguard.record.doubt import Doubt
from tailguard.trust.doubts import find_doubts


def measurement_of(scenario: Scenario, master: Master, plan: Message, ended_because: str) -> Measurement:
    """Merge what all workers measured of a scenario; so far, where `ended_because` is ""."""
    slug = scenario.slug
    told = [ledger["roles"][slug] for ledger in master.inbox.ledgers().values() if slug in ledger["roles"]]
    until_ns = master.closed_ns or time.monotonic_ns()
    measured_s = (until_ns - master.went_ns) / 1e9 if master.went_ns else 0.0
    offered = sum(each["offered"] for each in told)
    lateness = [np.frombuffer(each["lateness_ns"], np.int64) for each in told]
    return Measurement(
        samples=master.inbox.samples(slug, scenario.steps, last=bool(ended_because)),
        schedule=described(plan, slug, sum(each["users"] for each in told)),
        warmup=sum(each["warmup"] for each in told),
        offered_rate_per_s=offered / measured_s if plan["open_model"] and measured_s else None,
        achieved_rate_per_s=sum(each["ended"] for each in told) / measured_s if measured_s else 0.0,
        measured_s=measured_s,
        lateness_ns=np.concatenate([np.empty(0, np.int64), *lateness]),
        ended_because=ended_because,
    )


def described(plan: Message, slug: str, users: int) -> Mapping[str, object]:
    """Return what the record says of the model: a schedule, or that it was closed."""
    if plan["open_model"]:
        return {**schedule_in(plan["schedules"][slug]).describe(), "workers": users}
    return {"kind": "closed", "rate_per_s": None, "clients": users, "workers": users}


def doubts_of(
    measured: Mapping[str, Measurement], master: Master, skipped: Mapping[str, str], host: str
) -> list[Doubt]:
    """Return the doubts of every scenario, and those of the run as a Locust one."""
    return [
        *_of_target(skipped),
        *doubts_of_failures(measured, master, host),
        *find_doubts(measured),
        *doubts_of_workers({worker: told["load"] for worker, told in master.inbox.ledgers().items()}),
        *_of_run(master),
        *_of_turns(master),
        *_of_broadcasts(master),
    ]


def broadcasts_of(master: Master) -> dict[str, dict[str, Any]]:
    """Return what came of the broadcasts of each scenario that has spectators, over all workers.

    `later` counts those whose last spectator was another worker's than the sender's, `lost_elsewhere` those that every
    spectator of the sender had and some spectator of another worker never did.
    """
    ledgers = master.inbox.ledgers()
    found: dict[str, dict[str, Any]] = {}
    for slug, ends in master.inbox.ends.items():
        if not ends:
            continue
        watched = {worker: ledgers[worker]["watched"][slug] for worker in ends}
        found[slug] = {
            "spectators": {worker: told["spectators"] for worker, told in watched.items()},
            "duplicates": sum(told["duplicates"] for told in watched.values()),
            "joined": sum(each.joined for each in ends.values()),
            "later": sum(each.moved for each in ends.values()),
            "lost_elsewhere": sum(each.lost_count for each in ends.values()),
            "unmatched": sum(each.unmatched for each in ends.values()),
        }
    return found


def _of_target(skipped: Mapping[str, str]) -> Iterator[Doubt]:
    for slug, reason in skipped.items():
        yield Doubt(
            "skipped_scenario",
            slug,
            "warn",
            f"not measured: {reason}",
            "every scenario measured",
            "nothing is known of it: measure it in-process, or give the target a route",
        )


def _of_run(master: Master) -> Iterator[Doubt]:
    for told in master.notes().get("throttled", []):
        yield Doubt(
            "throttled",
            None,
            "grave",
            told,
            "no answer 429",
            "lift the rate on the target, then measure again",
        )
    for told in master.notes().get("pool_exhausted", []):
        yield Doubt(
            "pool_exhausted",
            None,
            "grave",
            told,
            "a row for each turn",
            "give the pool more rows, or end sooner",
        )
    for told in master.notes().get("invariants_unchecked", []):
        yield Doubt(
            "invariants_unchecked",
            None,
            "note",
            told,
            "every invariant checked",
            "check money, capacity and uniqueness on the target itself after this run",
        )
    if master.late:
        yield Doubt(
            "late_worker",
            None,
            "warn",
            f"{len(master.late)} of {len(master.workers)} workers joined after the run had begun",
            "all workers there at the start",
            "start the master with --expect-workers",
        )
    if unsettled := master.unsettled():
        yield Doubt(
            "invariants_unchecked",
            None,
            "warn",
            f"{len(unsettled)} of {len(master.workers)} workers did not check their invariants",
            "every worker",
            "look at the workers' logs; end the test by --run-time rather than by ending its processes",
        )


def _of_turns(master: Master) -> Iterator[Doubt]:
    roles: dict[str, list[Mapping[str, Any]]] = {}
    for ledger in master.inbox.ledgers().values():
        for slug, role in ledger["roles"].items():
            roles.setdefault(slug, []).append(role)
    for slug, parts in roles.items():
        cut_off = sum(part["cut_off"] for part in parts)
        if cut_off:
            yield Doubt(
                "cut_off_turns",
                slug,
                "warn",
                f"{cut_off} turns were ended in the middle, by locust stopping their user",
                "0",
                "keep the number of users constant while the run is on",
            )
        for broken in {part["broken"] for part in parts if part["broken"]}:
            yield Doubt(
                "broken_scenario", slug, "grave", broken, "a journey that can be played", "mend the scenario"
            )


def _of_broadcasts(master: Master) -> Iterator[Doubt]:
    for slug, found in broadcasts_of(master).items():
        if found["unmatched"]:
            yield Doubt(
                "unmatched_broadcasts",
                slug,
                "grave",
                f"{found['unmatched']} broadcasts ended by no event that their sender's spectators had",
                "0",
                "an adapter must end a broadcast at its subscribers' receipt (tailguard.websocket.subscribers.Receipt)",
            )
