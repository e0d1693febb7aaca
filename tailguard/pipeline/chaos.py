"""Faults of a chaos run: what the configuration asks for, made on the world's real parts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from tailguard.base.errors import UsageError
from tailguard.engine.workload import Measurement, Workload
from tailguard.faults.chaos import Chaos, Injection
from tailguard.faults.orders import Ordered, ordered_faults
from tailguard.faults.proxy import Fault
from tailguard.faults.recovery import Recovery, recoveries
from tailguard.faults.s3_switches import S3Switches
from tailguard.pipeline.postgres_faults import postgres_injection
from tailguard.pipeline.world import World
from tailguard.record.scenario import Invariant


@contextmanager
def chaos_on(world: World) -> Iterator[Chaos | None]:
    """Make the ordered faults while the `with` lasts; None where none is ordered. Afterwards everything is back."""
    orders = ordered_faults(world.config)
    if not orders:
        yield None
        return
    with Chaos([_injection(each, world) for each in orders], world.config.get("chaos.calm_s")) as chaos:
        yield chaos
    if world.s3_switches is not None:
        world.s3_switches.mend()


def chaos_record(
    chaos: Chaos, workloads: Sequence[Workload], measured: Mapping[str, Measurement], recover_s: float
) -> dict[str, Any]:
    """Return the `chaos` entry of run.json: what was ordered, what was made, and what each cost each scenario."""
    samples = {slug: each.samples for slug, each in measured.items()}
    outages = {
        workload.scenario.slug: workload.data.outages()
        for workload in workloads
        if hasattr(workload.data, "outages")
    }
    return {
        "recover_s": recover_s,
        "ordered": chaos.labels,
        "windows": [window.as_dict() for window in chaos.windows],
        "recoveries": [each.as_dict() for each in recoveries(samples, chaos.windows, outages)],
    }


def recovery_invariants(record: Mapping[str, Any] | None, slug: str) -> list[Invariant]:
    """Return for each fault that its scenario was well again in time, and that the fault was really made."""
    if record is None:
        return []
    limit_s = record["recover_s"]
    made = [window["label"] for window in record["windows"] if not window["note"]]
    notes = "; ".join(
        f"{window['label']}: {window['note']}" for window in record["windows"] if window["note"]
    )
    mine = (Recovery(**entry) for entry in record["recoveries"] if entry["scenario"] == slug)
    return [
        Invariant(
            name="every ordered fault was made",
            held=made == record["ordered"],
            expected=f"{len(record['ordered'])} faults",
            observed=f"{len(made)} faults{notes and ': '}{notes}",
        ),
        *(
            Invariant(
                name=f"well again in time after: {each.label}",
                held=each.recovered_s <= limit_s,
                expected=f"last trouble at most {limit_s:g} s after its end",
                observed=f"{each.recovered_s:.2f} s ({_cost(each)})",
            )
            for each in mine
            if each.samples  # a fault after this scenario's end tells nothing of it
        ),
    ]


def _cost(recovery: Recovery) -> str:
    cut_off = f", {recovery.cut_off} subscribers cut off" if recovery.cut_off else ""
    return f"{recovery.errors} errors, {recovery.retried} retried of {recovery.samples}{cut_off}"


def _injection(order: Ordered, world: World) -> Injection:
    if order.kind.startswith("postgres"):
        return postgres_injection(order, world)
    if order.kind == "subscribers_dropped":
        return _drop_injection(order, world)
    if world.s3_switches is None:
        raise UsageError(f"chaos.faults: {order.kind} needs a scenario that uses S3")
    begin_s3, end_s3 = _s3_switch(order, world.s3_switches)
    return Injection(str(order), order.seconds, begin_s3, end_s3)


def _drop_injection(order: Ordered, world: World) -> Injection:
    """Cut a share of the subscribers off, and let nobody back in before the end."""
    proxy = world.feed_proxy
    if proxy is None:
        raise UsageError(f"chaos.faults: {order.kind} needs the scenario websocket_broadcast")
    cut_off = [Fault("down", order.amount)]
    return Injection(str(order), order.seconds, lambda: proxy.set(cut_off), lambda: proxy.set([]))


def _s3_switch(order: Ordered, switches: S3Switches) -> tuple[Callable[[], None], Callable[[], None]]:
    if order.kind == "s3_killed":
        return switches.kill, switches.restart
    return lambda: switches.inject(order.kind, order.amount), switches.mend
