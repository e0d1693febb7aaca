from locust import HttpUser, constant, task
from locust.exception import RescheduleTask

from tailguard.locust import judge

judge("GET /broken p50 <= 30s", "error rate < 90%")


class Checker(HttpUser):
    wait_time = constant(0.02)

    @task
    def expected_failure(self):
        with self.client.get("/broken", catch_response=True) as answer:
            if answer.status_code == 500:
                answer.success()

    @task
    def wrong_body(self):
        with self.client.get("/", catch_response=True, name="wrong") as answer:
            if "shoes" not in answer.text:
                answer.failure("no shoes")

    @task
    def given_up(self):
        with self.client.get("/", catch_response=True, name="given up") as answer:
            answer.failure("start again")
            raise RescheduleTask
