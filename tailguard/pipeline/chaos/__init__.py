"""Faults of a chaos run: what the configuration asks for, made on the run's real parts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from tailguard.base.errors import UsageError
from tailguard.config.merge import Config
from tailguard.engine.workload import Measurement
from tailguard.faults.chaos import FaultInjector, Injection
from tailguard.faults.orders import Ordered, ordered_faults
from tailguard.faults.proxy import Fault, FaultProxy
from tailguard.faults.s3_switches import S3Switches
from tailguard.judge.recovery import recoveries
from tailguard.pipeline.chaos.postgres_faults import postgres_injection
from tailguard.pipeline.parts import Parts
from tailguard.record.chaos import Chaos, Outage
from tailguard.suite.resolver import BoundScenario
from tailguard.suite.run import Run
from tailguard.websocket.subscribers import Subscribers


@contextmanager
def faults_on(config: Config, parts: Parts, run: Run) -> Iterator[FaultInjector | None]:
    """Make the ordered faults while the `with` lasts; None if none is ordered. Afterwards everything is back."""
    orders = ordered_faults(config)
    if not orders:
        yield None
        return
    injections = [_injection(each, parts, run) for each in orders]
    with FaultInjector(injections, config.chaos.calm_s) as injector:
        yield injector
    if parts.s3_switches is not None:
        parts.s3_switches.mend()


def chaos_of(
    injector: FaultInjector,
    scenarios: Sequence[BoundScenario],
    measured: Mapping[str, Measurement],
    recover_s: float,
) -> Chaos:
    """Return what was ordered, what was made, and what each fault cost each scenario."""
    samples = {name: each.samples for name, each in measured.items()}
    outages = {each.name: found for each in scenarios if (found := _outages_of(each)) is not None}
    return Chaos(
        recover_s=recover_s,
        ordered=injector.labels,
        windows=tuple(injector.windows),
        outages=outages,
        recoveries=tuple(recoveries(samples, injector.windows, outages)),
    )


def _outages_of(scenario: BoundScenario) -> tuple[Outage, ...] | None:
    """Return the outages of a scenario's subscribers; None if it has none."""
    watching = [each for each in scenario.shared if isinstance(each, Subscribers)]
    return tuple(outage for each in watching for outage in each.outages) if watching else None


def _injection(order: Ordered, parts: Parts, run: Run) -> Injection:
    if order.kind.startswith("postgres"):
        return postgres_injection(order, parts.database)
    if order.kind == "subscribers_dropped":
        return _drop_injection(order, run)
    if parts.s3_switches is None:
        raise UsageError(f"chaos.faults: {order.kind} needs a scenario that uses S3")
    begin_s3, end_s3 = _s3_switch(order, parts.s3_switches)
    return Injection(str(order), order.seconds, begin_s3, end_s3)


def _drop_injection(order: Ordered, run: Run) -> Injection:
    """Cut a share of the subscribers off, and let nobody back in before the end."""
    proxy = next((each for each in run.notes.values() if isinstance(each, FaultProxy)), None)
    if proxy is None:
        raise UsageError(
            f"chaos.faults: {order.kind} needs a scenario with subscribers, reached through tailguard.faults.switched"
        )
    cut_off = [Fault("down", order.amount)]
    return Injection(str(order), order.seconds, lambda: proxy.set(cut_off), lambda: proxy.set([]))


def _s3_switch(order: Ordered, switches: S3Switches) -> tuple[Callable[[], None], Callable[[], None]]:
    if order.kind == "s3_killed":
        return switches.kill, switches.restart
    return lambda: switches.inject(order.kind, order.amount), switches.mend
