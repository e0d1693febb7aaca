import time
from xmlrpc.client import Fault, ServerProxy

from locust import User, constant, task

from tailguard.locust import judge

judge("xmlrpc add p50 <= 30s", "error rate < 90%")


class Client(ServerProxy):
    def __init__(self, host, event):
        super().__init__(host)
        self._event = event

    def __getattr__(self, name):
        call = ServerProxy.__getattr__(self, name)

        def timed(*args):
            told = {
                "request_type": "xmlrpc",
                "name": name,
                "response_length": 0,
                "context": {},
                "exception": None,
            }
            began = time.perf_counter()
            try:
                told["response"] = call(*args)
            except Fault as fault:
                told["exception"] = fault
            told["response_time"] = (time.perf_counter() - began) * 1000
            self._event.fire(**told)
            return told.get("response")

        return timed


class Rpc(User):
    wait_time = constant(0.03)

    def __init__(self, environment):
        super().__init__(environment)
        self.client = Client(f"{self.host}/RPC2", environment.events.request)

    @task
    def add(self):
        self.client.add(1, 2)
        self.client.nothing()
