from locust import HttpUser, between, task

from tailguard.locust import judge

judge("GET /item/[id] p50 <= 30s", "error rate < 60%")


class Visitor(HttpUser):
    wait_time = between(0.02, 0.05)

    def on_start(self):
        self.client.post("/login", data={"name": "ann"})

    @task(3)
    def look(self):
        for number in range(3):
            self.client.get(f"/item/{number}", name="/item/[id]")

    @task
    def front(self):
        self.client.get("/")
