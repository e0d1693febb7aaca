from locust import HttpUser, constant_pacing, constant_throughput, task

from tailguard.locust import judge

judge("GET /paced p50 <= 30s", "error rate < 60%")


class Paced(HttpUser):
    wait_time = constant_pacing(0.05)
    fixed_count = 1

    @task
    def ask(self):
        self.client.get("/paced")


class Throughput(HttpUser):
    wait_time = constant_throughput(20)
    weight = 2

    @task
    def ask(self):
        self.client.get("/throughput")


class Own(HttpUser):
    waited = 0.0

    def wait_time(self):
        self.waited = min(self.waited + 0.01, 0.05)
        return self.waited

    @task
    def ask(self):
        self.client.get("/own")
