"""Notifications and certificates as Celery tasks on Redis: one queue for both, or an urgent and a background one.

Celery is imported by who calls this alone: it is the extra `queue`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reference.drawing import Award, draw

if TYPE_CHECKING:
    from celery import Celery

NOTIFY, CERTIFY = "notify", "certify"
URGENT, BACKGROUND = "urgent", "background"


@dataclass(frozen=True, slots=True)
class TaskQueue:
    """The socket of a Redis, and how tasks are handed out there.

    With `separate` notifications have a queue of their own. A worker reserves `prefetch` tasks beside the one that it
    does. With `acks_late` a task is taken off the queue once it is done, else once it is begun; what a killed worker
    had reserved comes back after `back_after_s`, which must be longer than any task takes.
    """

    socket: str
    separate: bool
    prefetch: int
    acks_late: bool
    back_after_s: float

    def queues(self, worker: int) -> tuple[str, ...]:
        """Return what a worker takes tasks from: with separate queues the first one has the urgent ones."""
        if not self.separate:
            return (BACKGROUND,)
        return (BACKGROUND,) if worker else (URGENT,)


def begun(number: int) -> str:
    """Return the list that gets an item once a notification's task has begun."""
    return f"begun:{number}"


def done(kind: str) -> str:
    """Return the hash that counts how often each task of a kind was done."""
    return f"done:{kind}"


def make_app(queue: TaskQueue) -> "Celery":
    """Return the application, for who sends tasks and who does them."""
    import redis  # noqa: PLC0415  # as Celery
    from celery import Celery  # noqa: PLC0415

    app = Celery("deltacrown", broker=f"redis+socket://{queue.socket}", set_as_current=False)
    app.conf.update(
        task_default_queue=BACKGROUND,
        task_routes={NOTIFY: {"queue": URGENT}} if queue.separate else {},
        worker_prefetch_multiplier=queue.prefetch,
        task_acks_late=queue.acks_late,
        task_ignore_result=True,
        broker_connection_retry_on_startup=True,
        broker_transport_options={"visibility_timeout": queue.back_after_s},
    )
    told = redis.Redis(unix_socket_path=queue.socket)

    @app.task(name=NOTIFY, shared=False)  # type: ignore[untyped-decorator]  # Celery has no types
    def notify(number: int) -> None:
        told.rpush(begun(number), b"1")
        told.hincrby(done(NOTIFY), str(number), 1)

    @app.task(name=CERTIFY, shared=False)  # type: ignore[untyped-decorator]  # likewise
    def certify(number: int) -> None:
        pdf(Award(f"player {number}", "Summer Cup", "winner", f"DC-{number}", "2026-01-01"))
        told.hincrby(done(CERTIFY), str(number), 1)

    return app


def pdf(award: Award) -> bytes:
    """Return a certificate as a PDF."""
    import vl_convert  # noqa: PLC0415  # of the extra `report`: workers alone draw PDFs

    drawn: Any = vl_convert.svg_to_pdf(draw(award).decode())
    return bytes(drawn)
