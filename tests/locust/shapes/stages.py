from locust import FastHttpUser, LoadTestShape, constant, task

from tailguard.locust import judge

judge("GET /a p50 <= 30s", "GET /b p50 <= 30s", "error rate < 60%")


class UserA(FastHttpUser):
    wait_time = constant(0.02)

    @task
    def ask(self):
        self.client.get("/a")


class UserB(FastHttpUser):
    wait_time = constant(0.02)

    @task
    def ask(self):
        self.client.get("/b")


class Stages(LoadTestShape):
    stages = ((1, 2, [UserA]), (4, 6, [UserA, UserB]))  # those who join are of both kinds in turn

    def tick(self):
        for until_s, users, classes in self.stages:
            if self.get_run_time() < until_s:
                return users, 10, classes
        return None
