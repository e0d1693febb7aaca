"""Memory of a soak's process: what it leaks is read, what processes share is not counted in each."""

import mmap

from tailguard.record.soak.segments import Key
from tailguard.soak.readings import Readings

SIZE = 64 << 20


def memory_mb() -> float:
    return Readings("", None).read(0.0)[Key("reading", name="memory")]


def test_a_leak_is_read() -> None:
    before_mb = memory_mb()
    leaked = bytearray(b"\1" * SIZE)
    assert memory_mb() - before_mb > 0.7 * SIZE / 1e6
    del leaked


def test_memory_that_may_be_shared_is_left_out() -> None:
    before_mb = memory_mb()
    with mmap.mmap(-1, SIZE) as shared:  # as a database's buffers
        for at in range(0, SIZE, mmap.PAGESIZE):
            shared[at] = 1
        assert memory_mb() - before_mb < 0.3 * SIZE / 1e6
