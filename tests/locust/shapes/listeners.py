import logging

from locust import HttpUser, constant, events, task

TOLD = []


@events.test_start.add_listener
def start(environment, **_):
    TOLD.append("test_start")


@events.request.add_listener
def broken(name, **_):
    if name == "/":
        raise ValueError("a listener's own mistake")


@events.test_stop.add_listener
def stop(environment, **_):
    TOLD.append("test_stop")


@events.quitting.add_listener
def quitting(environment, **_):
    logging.getLogger("locustfile").info("told %s", TOLD)
    environment.process_exit_code = 0  # as if its own rule had found nothing


from tailguard.locust import judge  # noqa: E402  # as late as a file may have it

judge("GET / p50 <= 0.001ms", "error rate < 60%")


class Visitor(HttpUser):
    wait_time = constant(0.02)

    @task
    def index(self):
        self.client.get("/")
