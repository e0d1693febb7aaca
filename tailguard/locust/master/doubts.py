"""The doubts of a Locust run: those of any run, and those that only its workers and its target can raise."""

from collections.abc import Collection, Iterator, Mapping

from tailguard.base.text_format import ratio
from tailguard.locust.master.failures import doubts_of_failures
from tailguard.locust.master.master import Master
from tailguard.locust.master.worker_doubts import doubts_of_workers
from tailguard.record.doubt import UNCHECKED, Doubt, Grade
from tailguard.record.locust import Broadcasts
from tailguard.record.run_record import RunRecord
from tailguard.record.samples import Samples
from tailguard.suite.run import Run
from tailguard.trust.doubts import find_doubts
from tailguard.trust.suite_doubts import doubts_of_notes, skipped_scenario, skipped_step, unchecked

# Of a test started on locust's page; one of 30 s there spends 2 or 3 s on warm-up and arrivals.
LEAST_OF_RUN_TIME = 0.9


def doubts_of(
    record: RunRecord,
    samples: Mapping[str, Samples],
    master: Master,
    run: Run,
    skipped: Mapping[str, str],
    broadcasts: Mapping[str, Broadcasts],
) -> list[Doubt]:
    """Return the doubts of every scenario, and those of the run as a Locust one.

    `run` has what was noted of it anywhere; `skipped` says why a scenario could not be played.
    """
    ledgers = master.inbox.ledgers()
    return [
        *(skipped_scenario(slug, why) for slug, why in skipped.items()),
        *_of_skipped_steps(run, record.scenarios),
        *doubts_of_failures(samples, list(ledgers.values()), master.plan.target.url),
        *find_doubts(record.scenarios, samples, record.objectives, by_locust=True),
        *doubts_of_workers({worker: told.load for worker, told in ledgers.items()}),
        *doubts_of_notes(run.notes),
        *(unchecked(slug, why) for slug, why in master.unchecked.items()),
        *_of_workers(master),
        *_of_iterations(master),
        *_of_broadcasts(broadcasts),
    ]


def doubts_of_run_time(run_time_s: float | None, master: Master) -> Iterator[Doubt]:
    """Yield one if log-ins, warm-up and arrivals took a good part of the time that locust itself counts."""
    if not run_time_s or not (master.opened_ns and master.went_ns and master.closed_ns):
        return
    measured_s, all_s = ((master.closed_ns - since) / 1e9 for since in (master.went_ns, master.opened_ns))
    if measured_s < LEAST_OF_RUN_TIME * run_time_s <= run_time_s <= all_s:
        yield Doubt(
            kind="short_measurement",
            scenario=None,
            grade=Grade.WARN,
            measured=f"{measured_s:.1f} s of the --run-time of {run_time_s:g} s were measured: warm-up, joining and "
            "the arrival of users took the rest",
            limit=f"{ratio(LEAST_OF_RUN_TIME)} of --run-time",
            remedy="use --headless, where --run-time begins with the first iteration, or a longer --run-time",
        )


def _of_skipped_steps(run: Run, scenarios: Collection[str]) -> Iterator[Doubt]:
    for slug in scenarios:
        for step, why in run.skipped_steps(slug).items():
            yield skipped_step(slug, step, why)


def _of_workers(master: Master) -> Iterator[Doubt]:
    if master.late:
        yield Doubt(
            kind="late_worker",
            scenario=None,
            grade=Grade.WARN,
            measured=f"{len(master.late)} of {len(master.workers)} workers joined after the run had begun",
            limit="all workers there at the start",
            remedy="start the master with --expect-workers",
        )
    if unsettled := master.unsettled():
        yield Doubt(
            kind=UNCHECKED,
            scenario=None,
            grade=Grade.WARN,
            measured=f"{len(unsettled)} of {len(master.workers)} workers did not check their invariants",
            limit="every worker",
            remedy="look at the workers' logs; end the test by --run-time rather than by ending its processes",
        )


def _of_iterations(master: Master) -> Iterator[Doubt]:
    ledgers = master.inbox.ledgers().values()
    for slug in master.plan.scenarios:
        told = [ledger.scenarios[slug] for ledger in ledgers if slug in ledger.scenarios]
        cut_off = sum(each.cut_off for each in told)
        if cut_off:
            yield Doubt(
                kind="cut_off_iterations",
                scenario=slug,
                grade=Grade.WARN,
                measured=f"{cut_off} iterations were ended in the middle, by locust stopping their user",
                limit="0",
                remedy="keep the number of users constant while the run is on",
            )
        for broken in {each.broken for each in told if each.broken}:
            yield Doubt(
                kind="broken_scenario",
                scenario=slug,
                grade=Grade.GRAVE,
                measured=broken,
                limit="a journey that can be played",
                remedy="mend the scenario",
            )


def _of_broadcasts(broadcasts: Mapping[str, Broadcasts]) -> Iterator[Doubt]:
    for slug, found in broadcasts.items():
        if found.unmatched:
            yield Doubt(
                kind="unmatched_broadcasts",
                scenario=slug,
                grade=Grade.GRAVE,
                measured=f"{found.unmatched} broadcasts ended by no event that their sender's spectators had",
                limit="0",
                remedy="an adapter must end a broadcast at its subscribers' receipt "
                "(tailguard.websocket.subscribers.Receipt)",
            )
