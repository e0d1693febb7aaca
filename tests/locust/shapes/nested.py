from locust import HttpUser, TaskSet, constant, task

from tailguard.locust import judge

judge("GET /thread p50 <= 30s", "error rate < 60%")


class Reader(HttpUser):
    wait_time = constant(0.02)

    @task(10)
    def index(self):
        self.client.get("/")

    @task(10)
    class Forum(TaskSet):
        def on_start(self):
            self.client.get("/forum")

        @task(5)
        class Thread(TaskSet):
            @task
            def read(self):
                self.client.get("/thread")

            @task
            def leave(self):
                self.interrupt()

        @task
        def leave(self):
            self.interrupt()
