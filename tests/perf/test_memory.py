"""Memory along a work: what grows with it is seen, what was there from the start is not."""

import subprocess
import sys

import pytest

from perf.cutover.memory import MemoryCourse

MB = 1_000_000


def course(held_mb, total=100):
    readings = iter(held_mb)
    found = MemoryCourse(lambda: next(readings) * MB)
    for number in range(1, total + 1):
        found.note(number, total)
    return found


def test_what_a_work_needs_at_its_start_is_no_growth():
    found = course([90] * 91)
    assert (found.warm_bytes, found.growth_bytes) == (90 * MB, 0)


def test_the_most_that_was_held_after_the_first_tenth_counts():
    assert course([90] * 50 + [140] + [90] * 40).growth_bytes == 50 * MB


def test_of_several_works_the_greatest_is_told():
    readings = iter([10, 10, 500, 20, 30])
    found = MemoryCourse(lambda: next(readings) * MB)
    found.note(1, 2)
    found.note(2, 2)
    for done in (1, 2, 3):
        found.note(done, 3)
    found.note(1, 1)
    assert (found.total, found.warm_bytes, found.most_bytes) == (3, 500 * MB, 500 * MB)


GROWS = """
from perf.cutover.memory import MemoryCourse, resident_bytes
MB = 1_000_000
kept, found = [], MemoryCourse()
for done in range(1, 21):
    kept.append(b"x" * (4 * MB))
    found.note(done, 20)
assert found.growth_bytes > 50 * MB, found.growth_bytes
assert resident_bytes() > len(kept) * 4 * MB
"""


@pytest.mark.system
def test_a_work_that_keeps_what_it_has_done_is_seen_to_grow():
    # In a process of its own: here, memory that other tests left may be given back meanwhile.
    subprocess.run([sys.executable, "-c", GROWS], check=True)
