import gevent
from gevent.lock import Semaphore
from locust import HttpUser, TaskSet, constant, events, task
from locust.runners import STATE_CLEANUP, STATE_STOPPED, STATE_STOPPING, WorkerRunner

from tailguard.locust import judge

judge("GET / p50 <= 30s", "error rate < 60%")
everybody = Semaphore()
everybody.acquire()


def stop_early(environment):
    while environment.runner.state not in (STATE_STOPPING, STATE_STOPPED, STATE_CLEANUP):
        gevent.sleep(0.2)
        if environment.stats.total.num_requests > 200:
            environment.runner.quit()
            return


@events.init.add_listener
def begin(environment, **_):
    @environment.events.spawning_complete.add_listener
    def spawned(**_):
        everybody.release()

    if not isinstance(environment.runner, WorkerRunner):
        gevent.spawn(stop_early, environment)


class Tasks(TaskSet):
    def on_start(self):
        everybody.wait()

    @task
    def index(self):
        self.client.get("/")


class Waiter(HttpUser):
    wait_time = constant(0.02)
    tasks = [Tasks]
