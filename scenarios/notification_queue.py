"""Notification queue: players are notified while certificates are drawn.

Who: the platform, which hands out work. What: a notification is handed to the queue and waited for until its task has
begun; every so many iterations a tournament ends instead, and its certificates are handed over. Workers are processes
of Celery's on a Redis, both ours: perf/experiments/queue.toml compares one queue for all with two.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import redis

import tailguard as tg
from perf.adapters.choice import IN_PROCESS
from perf.experiments.queue_worker import workers
from perf.experiments.servers import redis_socket
from reference.tasks import CERTIFY, NOTIFY, TaskQueue, begun, done, make_app

_PATIENCE_S = 30
_DRAIN_S = 120.0


@dataclass(frozen=True, slots=True)
class Settings:
    """How tasks are handed out, how many workers there are, how often so many certificates come at once."""

    queues: str
    processes: int
    prefetch: int
    acks: str
    certificates_every: int
    certificates_at_once: int


class NotBegunError(Exception):
    """A notification waited for half a minute."""


@dataclass(slots=True)
class Desk:
    """Hands over tasks, and knows which were."""

    app: Any
    told: "redis.Redis"
    handed: dict[str, set[int]] = field(default_factory=lambda: {NOTIFY: set(), CERTIFY: set()})

    def notify(self, number: int) -> None:
        """Hand over a notification, and wait until its task has begun. Raises NotBegunError."""
        self._hand(NOTIFY, number)
        if self.told.blpop([begun(number)], timeout=_PATIENCE_S) is None:
            raise NotBegunError(f"notification {number} was not begun within {_PATIENCE_S} s")

    def certify(self, first: int, count: int) -> None:
        """Hand over certificates."""
        for number in range(first, first + count):
            self._hand(CERTIFY, number)

    def undone(self, kind: str) -> int:
        """Return how many of those that were handed over are not done."""
        return len(self.handed[kind] - {int(key) for key in self.told.hkeys(done(kind))})

    def drain(self) -> None:
        """Wait until all is done, or two minutes."""
        ends_s = time.monotonic() + _DRAIN_S
        while (self.undone(NOTIFY) or self.undone(CERTIFY)) and time.monotonic() < ends_s:
            time.sleep(0.05)

    def _hand(self, kind: str, number: int) -> None:
        self.app.tasks[kind].delay(number)
        self.handed[kind].add(number)


@tg.fixture(scope="run")
def settings(adapter: str, config: tg.Config) -> Settings:
    """Read, and refused where the platform is not ours to change."""
    if adapter != IN_PROCESS:
        tg.skip("it chooses how the platform queues its tasks: use --platform in-process")
    return config.read("scenario.notification_queue", Settings)


@tg.fixture(scope="run")
def tasks(settings: Settings) -> Iterator[TaskQueue]:
    """A Redis with workers that take tasks from it."""
    with redis_socket() as socket:
        queue = TaskQueue(socket, settings.queues == "two", settings.prefetch, settings.acks == "late", 60.0)
        with workers(queue, settings.processes):
            yield queue


@tg.fixture
def desk(tasks: TaskQueue) -> Iterator[Desk]:
    """Who hands over tasks."""
    with redis.Redis(unix_socket_path=tasks.socket) as told:
        yield Desk(make_app(tasks), told)


@tg.scenario(rate="20/s", steps=["notify", "certify"])
def notification_queue(it: tg.Iteration, settings: Settings, desk: Desk) -> None:
    """Notify, or hand over a tournament's certificates."""
    if it.number % settings.certificates_every == 0:
        first = it.number * settings.certificates_at_once
        it.step("certify", desk.certify, first, settings.certificates_at_once)
        return
    it.step("notify", desk.notify, it.number)


@notification_queue.invariants
def holds(desk: Desk) -> Iterator[tg.Invariant]:
    """Whatever was handed over is done in the end."""
    desk.drain()
    for kind, named in ((NOTIFY, "notification"), (CERTIFY, "certificate")):
        yield tg.expect(f"every {named} that was handed over is done", 0, desk.undone(kind))
