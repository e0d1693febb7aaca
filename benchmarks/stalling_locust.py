"""Locust before the stalling platform, in a process of its own: prints its p50, p95 and p99 in ms as JSON.

Run it: python -m benchmarks.stalling_locust SECONDS USERS. The users keep a constant throughput together.
"""

import json
import sys
import time

from locust import User, constant_throughput, task  # first: it patches the interpreter's waiting
from locust.env import Environment
from stalling import QUANTILES, RATE_PER_S, StallingPlatform

SECONDS, USERS = float(sys.argv[1]), int(sys.argv[2])
PLATFORM = StallingPlatform()


class Player(User):
    wait_time = constant_throughput(RATE_PER_S / USERS)

    @task
    def go(self) -> None:
        began = time.perf_counter()
        PLATFORM.answer()
        self.environment.events.request.fire(
            request_type="CALL",
            name="go",
            response_time=(time.perf_counter() - began) * 1000,
            response_length=0,
            exception=None,
            context={},
        )


environment = Environment(user_classes=[Player])
runner = environment.create_local_runner()
runner.start(USERS, spawn_rate=USERS)
time.sleep(SECONDS)
runner.quit()
print(json.dumps([environment.stats.total.get_response_time_percentile(q) for q in QUANTILES]))
