import time
from contextlib import contextmanager

from locust import User, constant, events, task

from tailguard.locust import judge

judge("manual fine p50 <= 30s", "block measured p50 <= 30s", "error rate < 90%")


@contextmanager
def reported(name):
    began, failure = time.time(), None
    try:
        yield
    except ValueError as error:
        failure = error
    took_ms = (time.time() - began) * 1000
    events.request.fire(
        request_type="manual", name=name, response_time=took_ms, response_length=0, exception=failure
    )


class Worker(User):
    wait_time = constant(0.02)

    @task
    def fine(self):
        with reported("fine"):
            time.sleep(0.001)

    @task
    def failing(self):
        with reported("failing"):
            raise ValueError("no luck")

    @task
    def measured(self):
        with self.environment.events.request.measure("block", "measured"):
            time.sleep(0.001)
