"""Calls that start at one instant, as two people do who press the same button."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tailguard.base.errors import UsageError

T = TypeVar("T")


class Together:
    """The threads of one virtual user: they are kept, so that each keeps its connections."""

    def __init__(self) -> None:
        self._threads: ThreadPoolExecutor | None = None
        self._count = 0

    def call(self, calls: tuple[Callable[[], T], ...]) -> list[T | Exception]:
        """See `Iteration.together`."""
        gate = threading.Barrier(len(calls))

        def at_once(call: Callable[[], T]) -> T | Exception:
            gate.wait()
            try:
                return call()
            except UsageError:
                raise
            except Exception as failure:  # noqa: BLE001  # what it is worth is the journey's to say
                return failure

        return list(self._enough(len(calls)).map(at_once, calls))

    def _enough(self, count: int) -> ThreadPoolExecutor:
        """Return threads for that number of calls. The threads of a pool that is dropped end by themselves."""
        if self._threads is None or self._count < count:
            self._threads, self._count = ThreadPoolExecutor(count, "together"), count
        return self._threads
