from locust import HttpUser, TaskSet, constant, task
from locust.clients import HttpSession

from tailguard.locust import judge

judge("GET /here p50 <= 30s", "GET /there p50 <= 30s", "error rate < 60%")


class Tasks(TaskSet):
    @task
    def here(self):
        self.client.get("/here")

    @task
    def there(self):
        self.user.other.get("/there")

    @task
    def absolute(self):
        self.client.get(self.user.host.replace("127.0.0.1", "localhost") + "/absolute", name="/absolute")


class TwoHosts(HttpUser):
    wait_time = constant(0.02)
    tasks = [Tasks]

    def __init__(self, environment):
        super().__init__(environment)
        host = self.host.replace("127.0.0.1", "localhost")
        self.other = HttpSession(host, self.client.request_event, self)
