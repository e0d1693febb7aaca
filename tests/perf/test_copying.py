"""The backfill beside a load: in the time of its own scenario only, and told on where it holds what it has copied."""

import threading
from threading import Event
from types import SimpleNamespace

from perf.cutover.copying import Copying
from perf.cutover.memory import LONG, MemoryCourse, memory_constant
from reference.certificates.backfill import BackfillProgress
from tests.support.waiting import eventually

MB = 1_000_000


class Batches:
    """A backfill of ten batches that takes no time."""

    def __init__(self):
        self.done = 0

    def run(self, *, stop, on_progress):
        while self.done < 10 and not stop.is_set():
            self.done += 1
            on_progress(BackfillProgress(10, uploaded=self.done))
        return BackfillProgress(10, uploaded=self.done, finished=self.done == 10)


class Looks(Event):
    """Counts how often it was waited for."""

    count = 0

    def wait(self, timeout=None):
        self.count += 1
        return super().wait(timeout)


def test_it_rests_while_another_scenario_has_its_slice():
    backfill, looks = Batches(), Looks()
    copying = Copying(backfill, _stop=looks)
    copying.start()
    eventually(lambda: looks.count > 3)
    assert backfill.done == 1
    copying.touch()
    eventually(lambda: backfill.done == 10)
    eventually(lambda: not copying.busy)


def test_finishing_copies_the_rest_without_an_iteration():
    backfill = Batches()
    copying = Copying(backfill)
    copying.start()
    copying.finish()
    assert backfill.done == 10
    assert copying.memory.total == 10


def test_closing_ends_it_where_it_is():
    backfill = Batches()
    copying = Copying(backfill)
    copying.start()
    eventually(lambda: backfill.done == 1)
    copying.close()
    assert not copying.busy
    assert backfill.done == 1
    assert "backfill" not in {thread.name for thread in threading.enumerate()}


def test_a_backfill_that_keeps_its_bodies_breaks_the_invariant():
    leaking = MemoryCourse(lambda: next(readings))
    readings = iter(range(90 * MB, 10**12, 65_536))
    for done in range(1, LONG + 1):
        leaking.note(done, LONG)
    [invariant] = memory_constant(leaking)
    assert not invariant.held
    assert "589.8 MB more than 90.0 MB, over 10000 certificates" in invariant.observed


def test_a_steady_backfill_holds_it_and_of_a_short_one_nothing_is_said():
    [invariant] = memory_constant(SimpleNamespace(total=LONG, growth_bytes=MB, warm_bytes=90 * MB))
    assert invariant.held
    assert list(memory_constant(SimpleNamespace(total=LONG - 1, growth_bytes=10**12, warm_bytes=1))) == []
