from locust import HttpUser, SequentialTaskSet, constant, task

from tailguard.locust import judge

judge("GET first p50 <= 30s", "POST second p50 <= 30s", "error rate < 60%")


class Steps(SequentialTaskSet):
    @task
    def first(self):
        self.client.get("/", name="first")

    @task
    def second(self):
        self.client.post("/cart", json={"item": 1}, name="second")

    @task
    def over(self):
        self.interrupt(reschedule=False)


class Shopper(HttpUser):
    wait_time = constant(0.03)
    tasks = {Steps: 2}
