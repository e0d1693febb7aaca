from locust import FastHttpUser, constant, task

from tailguard.locust import judge

judge("POST /cart p50 <= 30s", "error rate < 80%")  # half of its requests fail


class Buyer(FastHttpUser):
    wait_time = constant(0.03)

    @task
    def buy(self):
        with self.rest("POST", "/cart", json={"item": 7}) as answer:
            assert answer.js["item"] == 7
        with self.rest("POST", "/cart?again", json={"item": 7}) as answer:
            assert answer.js["item"] == 8, "another item"
