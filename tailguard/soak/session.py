"""A session of `tailguard soak`: leads when it may, waits while another does, ends the soak when its time is up."""

import logging
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

from msgspec import structs

from tailguard.base.clock import MonotonicClock
from tailguard.base.errors import UsageError
from tailguard.base.output.streams import say
from tailguard.config.merge import Config
from tailguard.engine.placement import pinned
from tailguard.engine.workload import Pace
from tailguard.judge.soak.found import found_in, read_soak
from tailguard.judge.soak.joining import terms_in
from tailguard.judge.soak.verdicts import soak_doubts
from tailguard.pipeline.environment import describe_environment
from tailguard.pipeline.finish import finish
from tailguard.pipeline.opened_suite import open_suite
from tailguard.pipeline.preparation import Prepared, prepared, rows_used_once
from tailguard.pipeline.progress import Progress
from tailguard.pipeline.target import placement_of, platform_of, served_target
from tailguard.postgres.location import locate
from tailguard.record.files import check_writable
from tailguard.record.run import Run, new_id
from tailguard.record.run_record import Ended
from tailguard.record.soak import SoakTerm
from tailguard.soak.folder import SoakFolder
from tailguard.soak.leading import Leader
from tailguard.soak.lease import Lease, LeaseLostError, Term, Witness
from tailguard.soak.opened_lease import began_s, lease_of, polled, running_soak
from tailguard.soak.plan import Plan, plan_of
from tailguard.soak.readings import Readings
from tailguard.soak.segments import Segments
from tailguard.soak.term import Timeline, renewed
from tailguard.suite.run import Target

log = logging.getLogger(__name__)

# Numbers of iterations of one term: ten days of 1,000 per second.
_ITERATIONS_PER_TERM = 10**9


def soak_session(
    config: Config, command: Sequence[str], asked: Sequence[str], seconds: float, *, standby: bool
) -> int:
    """Soak, or stand by; returns the exit code of the soak's verdicts. Raises `TailguardError` for all else."""
    check_writable(Path(config.runs_dir))
    config, suite = open_suite(config)
    lease = lease_of(config.soak, config.database)
    plan = plan_of(config, suite, asked, seconds, with_lease=lease is not None)
    if lease is None:
        if standby:
            raise UsageError(
                "A standby needs a PostgreSQL that it and the leader reach: name it with --set soak.lease=DSN"
            )
        log.info("No lease: soak.lease names no PostgreSQL, so no standby can take over.")
    run = running_soak(config) if standby else None
    placement, identity = placement_of(config), run.record.id if run else new_id()
    with (
        pinned(placement),
        served_target(config, placement) as target,
        prepared(config, suite, identity, placement, target) as ready,
    ):
        _check_rows(ready)
        SoakFolder.rehearse()
        session = _Session(config, plan, ready, target, lease)
        return session.until_end(run, command)


@dataclass(slots=True)
class _Session:
    """`run` is None until this process begins the soak."""

    config: Config
    plan: Plan
    ready: Prepared
    target: Target
    lease: Lease | None

    def until_end(self, run: Run | None, command: Sequence[str]) -> int:
        """Lead, or wait for it, until the soak has ended, whoever ends it."""
        term = self._first_term() if run is None else None
        try:
            run = run or self._begun(command)
            while True:
                term = term or self._next_term(run)
                again = Run.load(run.folder)
                if again.record.exit_code is not None:
                    say(f"The soak {again.record.id} has ended: {again.record.state}.", err=True)
                    return again.record.exit_code
                try:
                    return self._lead(run, term)
                except LeaseLostError as lost:
                    say(
                        f"{lost} What was not written then is lost, and counted as lost. Standing by.",
                        err=True,
                    )
                    term = None
        finally:
            if self.lease is not None:
                self.lease.release()

    def _first_term(self) -> Term:
        if self.lease is None:
            return Term(1, Witness.NO_LEASE)
        term = self.lease.take()
        if term is None:
            raise UsageError(
                f"Another process leads a soak {self.config.soak.name!r} there: start this one with --standby, or give "
                "it another --set soak.name=NAME"
            )
        return term

    def _next_term(self, run: Run) -> Term:
        assert self.lease is not None  # without a lease nobody loses it
        say(
            f"Standing by for the soak {run.record.id}: takes over within {self.config.soak.ttl_s:g} s.",
            err=True,
        )
        return polled(self.lease, self.config.soak.ttl_s)

    def _begun(self, command: Sequence[str]) -> Run:
        run = Run.start(
            self.config,
            environment=describe_environment(
                self.config.folder,
                placement=self.ready.run.placement,
                postgres=self.ready.parts.postgres_record,
                s3=self.ready.parts.s3_record,
            ),
            command=command,
            identity=self.ready.run.id,
            platform=platform_of(self.config, self.ready.run, self.target),
            objectives=self.plan.objectives,
        )
        run.put_soak(self.plan.soak)
        run.save()
        return run

    def _lead(self, run: Run, term: Term) -> int:
        """Lead for one term; returns the exit code if the soak ended in it. Raises LeaseLostError."""
        stop = Event()
        renewing = renewed(self.lease, self.config.soak.ttl_s, stop) if self.lease else nullcontext()
        server_s = began_s(self.lease) if self.lease else 0.0
        _check_fence(term, run)
        with renewing, Progress() as lines:
            folder = SoakFolder(
                run.folder, self.plan.soak.segment_s, self.lease.check if self.lease else _always
            )
            own = SoakTerm(
                fence=term.fence,
                owner=self.lease.owner if self.lease else run.record.id,
                witness=str(term.witness),
                began_s=server_s,
                first_segment=folder.next_segment(),
            )
            folder.write_term(own)
            _say_term(own, term)
            terms = terms_in(run.folder)
            leader = Leader(
                plan=self.plan,
                ready=self.ready,
                folder=folder,
                readings=self._readings(),
                timeline=Timeline(MonotonicClock(), server_s - terms[0].began_s),
                fence=term.fence,
                lines=lines,
                check_s=self.config.limits.check_s,
                stop=stop,
            )
            self._play(leader, own, len(terms) - 1)
            return self._concluded(run, leader, folder)

    def _play(self, leader: Leader, own: SoakTerm, terms_before: int) -> None:
        first = terms_before * _ITERATIONS_PER_TERM
        workloads = [replace(each, first=first) for each in self.ready.workloads]
        segments = Segments(workloads, self.ready.run.id, self.ready.run.seed)
        leader.play(segments, Pace(slice_s=self.config.load.slice_s), own.first_segment)

    def _concluded(self, run: Run, leader: Leader, folder: SoakFolder) -> int:
        """Check the invariants, sum up, judge and report; each is written only while this process leads."""
        invariants, doubts = ([], []) if leader.interrupted else leader.checked()
        soak = structs.replace(self.plan.soak, terms=terms_in(run.folder), invariants=tuple(invariants))

        read = read_soak(run.folder, soak)
        found = found_in(run.folder, soak, read)
        run.put_soak(structs.replace(soak, found=found))
        run.put_doubts([*soak_doubts(read, found), *doubts])
        folder.check()
        run.finish(Ended.INTERRUPTED if leader.interrupted else Ended.COMPLETE)
        return finish(run, self.config.suite)

    def _readings(self) -> Readings:
        database = self.ready.parts.database
        named = locate(self.config.database.dsn or None)
        conninfo = database.conninfo if database else named.conninfo if named else None
        return Readings(self.target.url, conninfo)


def _check_fence(term: Term, run: Run) -> None:
    """Raise UsageError if the lease forgot its fences, as a database does that was restored: two would have one."""
    before = max((each.fence for each in terms_in(run.folder)), default=0)
    if term.fence <= before:
        raise UsageError(
            f"The lease gave the fence {term.fence}, and a leader with {before} came before in {run.folder}: its "
            "database was restored or replaced. Start a new soak"
        )


def _say_term(own: SoakTerm, term: Term) -> None:
    if term.witness is Witness.NO_LEASE:
        return
    say(
        f"Leads with fence {own.fence} from segment {own.first_segment} on. Second witness: {own.witness}.",
        err=True,
    )


def _always() -> None:
    """Without a lease nobody else leads."""


def _check_rows(ready: Prepared) -> None:
    for scenario in ready.scenarios:
        for rows in rows_used_once(scenario.plan):
            raise UsageError(
                f'{rows.few()}: those of {scenario.name} are used once and end in a soak: state use="cycle"'
            )
