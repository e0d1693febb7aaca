"""The platform's tasks on a real Redis: who gets which, and what a killed worker leaves is done by another."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import redis

from perf.experiments.queue_worker import workers
from perf.experiments.servers import redis_socket
from reference.drawing import Award
from reference.tasks import BACKGROUND, CERTIFY, NOTIFY, URGENT, TaskQueue, done, make_app, pdf
from scenarios.notification_queue import Desk
from tailguard.base.errors import UsageError

PATIENCE_S = 300  # what a killed worker had comes back when another looks, which is every 100 s
TASKS = 60
UNACKED = "unacked"  # where Celery's transport keeps what workers have reserved


@pytest.fixture
def socket() -> Iterator[str]:
    try:
        with redis_socket() as socket:
            yield socket
    except UsageError as error:
        pytest.skip(str(error))


def queue_at(
    socket: str, *, separate: bool = True, acks_late: bool = True, back_after_s: float = 60
) -> TaskQueue:
    return TaskQueue(socket, separate, 4, acks_late, back_after_s)


@contextmanager
def desk_at(queue: TaskQueue) -> Iterator[Desk]:
    with redis.Redis(unix_socket_path=queue.socket) as told:
        yield Desk(make_app(queue), told)


def waited_for(truth: Callable[[], object]) -> bool:
    ends_s = time.monotonic() + PATIENCE_S
    while not truth() and time.monotonic() < ends_s:
        time.sleep(0.02)
    return bool(truth())


def test_a_certificate_is_drawn_as_a_pdf() -> None:
    assert pdf(Award("Δ & <b>", "Cup", "winner", "1", "2026-01-01")).startswith(b"%PDF-")


@pytest.mark.parametrize(("separate", "lengths"), [(True, (1, 2)), (False, (0, 3))])
def test_notifications_have_a_queue_of_their_own_if_queues_are_separate(
    socket: str, separate: bool, lengths: tuple[int, int]
) -> None:
    with desk_at(queue_at(socket, separate=separate)) as desk:
        desk.app.tasks[NOTIFY].delay(0)
        desk.certify(0, 2)
        assert (desk.told.llen(URGENT), desk.told.llen(BACKGROUND)) == lengths
        assert (desk.undone(NOTIFY), desk.undone(CERTIFY)) == (0, 2)


def test_workers_without_celery_are_refused_with_what_to_install(socket: str, monkeypatch) -> None:
    monkeypatch.setattr("perf.experiments.queue_worker.find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"tailguard\[queue,report\]"), workers(queue_at(socket), 1):
        pass


@pytest.mark.proof
def test_nothing_is_lost_when_a_worker_is_killed_in_mid_task(socket: str) -> None:
    """Late acknowledgement: what it was doing and what it had reserved is done by the other one, once or more."""
    queue = queue_at(socket, separate=False, back_after_s=3)
    with workers(queue, 2) as pids, desk_at(queue) as desk:
        desk.certify(0, TASKS)
        assert waited_for(lambda: desk.told.hlen(done(CERTIFY)) >= TASKS // 6)
        os.kill(pids[0], signal.SIGKILL)
        assert desk.told.hlen(UNACKED), "it had reserved something"
        assert waited_for(lambda: not desk.undone(CERTIFY)), desk.told.hgetall(done(CERTIFY))
        times = [int(count) for count in desk.told.hvals(done(CERTIFY))]
    assert len(times) == TASKS
    assert min(times) >= 1


@pytest.mark.proof
def test_a_task_that_was_acknowledged_early_is_lost_with_its_worker_and_is_counted(socket: str) -> None:
    """The guard of the one above: the task that is stopped in its middle never comes back."""
    queue = queue_at(socket, separate=False, acks_late=False, back_after_s=3)
    with workers(queue, 1) as [pid], desk_at(queue) as desk:

        def stopped_in_mid_task() -> bool:
            os.kill(pid, signal.SIGSTOP)
            told = desk.told
            known = told.hlen(done(CERTIFY)) + told.llen(BACKGROUND) + told.hlen(UNACKED)
            if known != TASKS - 1:
                os.kill(pid, signal.SIGCONT)
            return known == TASKS - 1

        desk.certify(0, TASKS)
        assert waited_for(stopped_in_mid_task)
        os.kill(pid, signal.SIGKILL)
        with workers(queue, 1):
            assert waited_for(lambda: desk.undone(CERTIFY) == 1)
            time.sleep(2)
            assert desk.undone(CERTIFY) == 1
