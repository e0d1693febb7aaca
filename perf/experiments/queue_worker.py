"""A Celery worker of the reference platform in a process of its own, which ends when its standard input does.

One task at a time, in the process itself (`--pool solo`): several workers are several of these.
"""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec

import msgspec

import tailguard as tg
from reference.tasks import TaskQueue, make_app
from tailguard.kit import PipedProcess

_READY = b"ready\n"


class Order(msgspec.Struct, frozen=True):
    """Where tasks are, and which worker this is, from 0."""

    queue: TaskQueue
    number: int


@contextmanager
def workers(queue: TaskQueue, count: int) -> Iterator[list[int]]:
    """Run `count` workers; yield their process ids once all take tasks. Raises UsageError without Celery."""
    if not all(map(find_spec, ("celery", "vl_convert"))):
        raise tg.UsageError(
            "Tasks need Celery, and PDFs the report's charts: pip install 'tailguard[queue,report]'."
        )
    with ExitStack() as stack:
        started = [stack.enter_context(PipedProcess(__name__)) for _ in range(count)]
        for number, process in enumerate(started):
            process.send(msgspec.json.encode(Order(queue, number)))
        for process in started:
            if not any(line == _READY for line in process.lines()):
                raise tg.UsageError("A Celery worker ended before it was ready.")
        yield [process.pid for process in started]


def main() -> None:
    """Do tasks until standard input ends."""
    from celery.apps.worker import Worker  # noqa: PLC0415  # whoever starts workers imports this file, too
    from celery.signals import worker_ready  # noqa: PLC0415

    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    threading.Thread(target=_end_with_input, daemon=True).start()

    @worker_ready.connect(weak=False)  # type: ignore[untyped-decorator]  # Celery has no types
    def ready(**_: object) -> None:
        os.write(1, _READY)

    Worker(
        app=make_app(order.queue),
        hostname=f"worker{order.number}@here",
        pool="solo",
        queues=list(order.queue.queues(order.number)),
        loglevel="ERROR",
        quiet=True,
        redirect_stdouts=False,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    ).start()


def _end_with_input() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main()
