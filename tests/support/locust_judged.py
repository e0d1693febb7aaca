"""Somebody's own locustfile with the line that judges it, and a small shop that it asks."""

import os
import signal
import subprocess
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from textwrap import dedent
from threading import Thread
from xmlrpc.server import SimpleXMLRPCDispatcher

from tailguard.base.ports import free_port
from tailguard.record.run import Run
from tests.support.locust_runs import LIMIT_S, LOCUST, end
from tests.support.waiting import eventually

FILE = """
    from locust import HttpUser, constant, task
    from tailguard.locust import judge

    judge({limits})

    class Shopper(HttpUser):
        wait_time = constant(0.02)

        @task
        def ask(self):
            for path in {paths}:
                self.client.get(path)
"""


class Shop(BaseHTTPRequestHandler):
    """/broken answers 500 at once, /nowhere 404; whatever is posted comes back, and there is one call of XML-RPC."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a body waits 40 ms for the word that its head has come
    answers = 0  # to all tests

    def do_GET(self):  # http.server's name
        self._answer({"/broken": 500, "/nowhere": 404}.get(self.path, 200), b"")

    def do_POST(self):  # likewise
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(200, _called(body) if self.path == "/RPC2" else body)

    def _answer(self, status, body):
        type(self).answers += 1
        self.send_response(status)
        self.send_header("Set-Cookie", "session=1")
        self.send_header("Content-Type", "text/xml" if self.path == "/RPC2" else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_): ...


def _called(body):
    calls = SimpleXMLRPCDispatcher()
    calls.register_function(lambda a, b: a + b, "add")
    return calls._marshaled_dispatch(body)


@contextmanager
def served_shop():
    with ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class Judged:
    """Locust's processes on a locustfile in a folder of its own, which end with the test."""

    def __init__(self, folder, url, stack):
        self.folder, self.url, self.stack = folder, url, stack
        port = free_port()
        self.ports = (f"--master-bind-port={port}", f"--master-port={port}")
        kept = {
            name: text for name, text in os.environ.items() if not name.startswith(("LOCUST_", "TAILGUARD_"))
        }
        self.environment = {**kept, "XDG_STATE_HOME": str(folder / "state")}

    def write(self, *limits, paths=("/ok",), name="locustfile.py", **replaced):
        text = dedent(FILE).format(limits=", ".join(map(repr, limits)), paths=list(paths))
        for old, new in replaced.items():
            text = text.replace(old, new)
        (self.folder / name).write_text(text, encoding="utf-8")

    def start(self, *words, name="log"):
        log = self.stack.enter_context((self.folder / name).open("w", encoding="utf-8"))
        process = subprocess.Popen(
            [LOCUST, "--host", self.url, "--only-summary", *self.ports, *words],
            cwd=self.folder,
            env=self.environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.stack.callback(end, process)
        return process

    def runs(self, *words, seconds=4):
        """Run it; return the exit code."""
        return self.start("--headless", "-u", "4", "-r", "4", "-t", f"{seconds}s", *words).wait(LIMIT_S)

    def until(self, said, limit_s=120):
        eventually(lambda: said in self.log(), limit_s, log=self.log)

    def log(self, name="log"):
        return (self.folder / name).read_text(encoding="utf-8")

    @property
    def record(self):
        return Run.load("latest", self.folder / "runs").record


def interrupt(process):
    process.send_signal(signal.SIGINT)
    return process.wait(LIMIT_S)
