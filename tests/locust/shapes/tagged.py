from locust import HttpUser, constant, tag, task

from tailguard.locust import judge

judge("GET /cheap p50 <= 30s", "error rate < 60%")


class Tagged(HttpUser):
    wait_time = constant(0.02)

    @tag("cheap")
    @task
    def cheap(self):
        self.client.get("/cheap")

    @tag("dear")
    @task
    def dear(self):
        self.client.get("/dear")


class Untagged(HttpUser):
    @task
    def other(self):
        self.client.get("/other")
