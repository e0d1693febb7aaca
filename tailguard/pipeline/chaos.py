"""Faults of a chaos run: what the configuration asks for, made on the world's real parts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from tailguard.base.errors import UsageError
from tailguard.engine.workload import Measurement, Workload
from tailguard.faults.chaos import FaultInjector, Injection
from tailguard.faults.orders import Ordered, ordered_faults
from tailguard.faults.proxy import Fault
from tailguard.faults.s3_switches import S3Switches
from tailguard.judge.recovery import recoveries
from tailguard.pipeline.postgres_faults import postgres_injection
from tailguard.pipeline.world import World
from tailguard.record.chaos import Chaos


@contextmanager
def faults_on(world: World) -> Iterator[FaultInjector | None]:
    """Make the ordered faults while the `with` lasts; None if none is ordered. Afterwards everything is back."""
    orders = ordered_faults(world.config)
    if not orders:
        yield None
        return
    injections = [_injection(each, world) for each in orders]
    with FaultInjector(injections, world.config.get("chaos.calm_s")) as injector:
        yield injector
    if world.s3_switches is not None:
        world.s3_switches.mend()


def chaos_of(
    injector: FaultInjector,
    workloads: Sequence[Workload],
    measured: Mapping[str, Measurement],
    recover_s: float,
) -> Chaos:
    """Return what was ordered, what was made, and what each fault cost each scenario."""
    samples = {slug: each.samples for slug, each in measured.items()}
    outages = {
        workload.scenario.slug: tuple(workload.scenario.outages(workload.data))
        for workload in workloads
        if workload.scenario.outages is not None
    }
    return Chaos(
        recover_s=recover_s,
        ordered=injector.labels,
        windows=tuple(injector.windows),
        outages=outages,
        recoveries=tuple(recoveries(samples, injector.windows, outages)),
    )


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
