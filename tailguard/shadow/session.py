"""A session of `tailguard shadow`: serves users until its time is up, then judges and reports."""

import asyncio
import sys
import time
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from tailguard.base.errors import UsageError
from tailguard.base.output.streams import say
from tailguard.base.ports import LOOPBACK
from tailguard.compare.shadow.noise import differences_of
from tailguard.compare.shadow.verdicts import compare_shadow
from tailguard.config.merge import Config
from tailguard.engine.event_loop import RunningLoop, running_loop
from tailguard.engine.summary import scenario_entry
from tailguard.engine.workload import Measurement
from tailguard.judge.objective import DEFAULT_MARGINS
from tailguard.pipeline.environment import describe_environment
from tailguard.pipeline.finish import finish
from tailguard.record.run import Run
from tailguard.record.run_record import Ended, Platform
from tailguard.record.samples import Samples
from tailguard.record.scenario import ClosedSchedule, ScenarioEnded
from tailguard.record.shadow import Ignored, Shadow, ShadowCounts
from tailguard.shadow.address import Address
from tailguard.shadow.book import Book
from tailguard.shadow.callers import Callers
from tailguard.shadow.mirror import Mirror
from tailguard.shadow.proxy import Proxy, until
from tailguard.shadow.recording import Recording

# What users that wait for an answer are given at the end, and the candidate if nobody waits for the prompt.
DRAIN_S, HURRY_S = 3.0, 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a shadow run is to do; port 0 is a free one."""

    primary: Address
    candidate: Address
    port: int
    seconds: float
    timeout_s: float
    ignored: tuple[Ignored, ...] = ()
    record: Path | None = None
    record_secrets: bool = False


def ignored_of(texts: Sequence[str]) -> tuple[Ignored, ...]:
    """Return what `--ignore` names: a field, after its route if it is of one alone."""
    parts = [text.strip().rpartition(" ") for text in texts]
    return tuple(Ignored(route=route.strip(), field=field) for route, _, field in parts)


class Service:
    """The proxy and its mirror. All but `counts` is called on their loop."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.book = plan, Book()
        candidate, primary = (Callers(each, plan.timeout_s) for each in (plan.candidate, plan.primary))
        self.mirror = Mirror(candidate, primary, self.book)
        self.proxy = Proxy(plan.primary, self.mirror.line)
        self.measured_s = 0.0
        self._began_s = 0.0

    async def listen(self) -> None:
        """Begin to answer users. Raises UsageError if the port is taken, or nothing can be recorded."""
        try:
            port = await self.proxy.listen(LOOPBACK, self.plan.port)
        except OSError as error:
            raise UsageError(
                f"--port {self.plan.port} cannot be opened: {error.strerror}. Give another, or none for a free one."
            ) from None
        self._began_s = time.monotonic()
        if self.plan.record is not None:
            self.mirror.recording = Recording(self.plan.record, with_secrets=self.plan.record_secrets)
        say(
            f"Users go to http://{LOOPBACK}:{port}: {self.plan.primary.url} answers them, and "
            f"{self.plan.candidate.url} is asked the same. Ends after {self.plan.seconds / 60:g} minutes.",
            err=True,
        )

    async def serve(self) -> None:
        """Answer users until the time is up."""
        await asyncio.sleep(self.plan.seconds)
        await self.end(self.plan.timeout_s)

    async def end(self, patience_s: float) -> None:
        """Send users away that wait for nothing, and give the candidate so long for what it owes."""
        await self.proxy.close(min(DRAIN_S, patience_s))
        self.measured_s = time.monotonic() - self._began_s
        await until(lambda: not self.mirror.owed, patience_s)
        await self.close()

    async def close(self) -> None:
        """End everything at once; nothing happens if it has ended."""
        await self.proxy.close(0.0)
        self.mirror.close()
        await asyncio.sleep(0)

    def counts(self) -> ShadowCounts:
        counts = self.mirror.counts
        return ShadowCounts(
            answered=counts.answered,
            compared=len(self.book),
            dropped=counts.dropped,
            dropped_writes=counts.dropped_writes,
            too_large=counts.too_large,
            pending=self.mirror.owed,
            unanswered=counts.unanswered,
            unreachable=self.proxy.unreachable,
            unreadable=counts.unreadable,
        )


def run_shadow(config: Config, plan: Plan) -> int:
    """Serve, compare, report; returns the exit code. Raises UsageError if the port is taken."""
    service = Service(plan)
    with running_loop() as running, listening(service, running):
        run = Run.start(
            config,
            environment=describe_environment(config.folder),
            command=["tailguard", *sys.argv[1:]],
            platform=Platform(adapter="shadow", host=plan.primary.url),
        )
        ended = _served(service, running)
    if service.mirror.recording is not None:
        _tell_of(service.mirror.recording, plan)
    _keep(run, service)
    run.finish(ended)
    return finish(run, config.suite)


@contextmanager
def listening(service: Service, running: RunningLoop) -> Iterator[None]:
    """Answer users as long as the `with` block. Raises UsageError if the port is taken."""
    try:
        _soon(service.listen(), running)
        yield
    finally:
        _soon(service.close(), running)


def _served(service: Service, running: RunningLoop) -> Ended:
    """Serve to the end, or until Ctrl-C."""
    try:
        _soon(service.serve(), running)
    except KeyboardInterrupt:
        _soon(service.end(HURRY_S), running)
        return Ended.INTERRUPTED
    return Ended.COMPLETE


def _tell_of(recording: Recording, plan: Plan) -> None:
    recording.close()
    why = f": {recording.failed}, so the rest is missing" if recording.failed else ""
    say(f"{recording.count:,} requests recorded in {plan.record}{why}.", err=True)


def _soon(work: Coroutine[object, object, None], running: RunningLoop) -> None:
    asyncio.run_coroutine_threadsafe(work, running.loop).result()


def _keep(run: Run, service: Service) -> None:
    """Put what was seen into the record."""
    book, plan = service.book, service.plan
    for name, samples in book.samples().items():
        run.add_scenario(name, scenario_entry(name, _measurement(samples, service)), samples)
    answers = book.answers()
    run.write_answers(answers)
    shadow = Shadow(
        primary=plan.primary.url,
        candidate=plan.candidate.url,
        timeout_s=plan.timeout_s,
        margins=DEFAULT_MARGINS,
        ignored=plan.ignored,
        most_users=service.proxy.most_users,
        counts=service.counts(),
        differences=differences_of(answers, plan.ignored, book.examples),
    )
    found = compare_shadow(run, shadow)
    run.put_shadow(replace(shadow, watched=found.watched))
    run.put_doubts(found.doubts)


def _measurement(samples: Samples, service: Service) -> Measurement:
    return Measurement(
        samples=samples,
        schedule=ClosedSchedule(clients=max(service.proxy.most_users, 1), workers=1),
        warmup=0,
        offered_rate_per_s=None,
        achieved_rate_per_s=len(samples) / service.measured_s,
        measured_s=service.measured_s,
        own_s=0.0,
        lateness_ns=np.empty(0, np.int64),
        ended_because=ScenarioEnded.MAX_SECONDS,
    )
