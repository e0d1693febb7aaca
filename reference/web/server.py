"""uvicorn with the platform's app and WebSocket bridge, on a socket that is bound before anything else starts."""

import socket
import threading
import time
from typing import Self

import uvicorn
from starlette.types import ASGIApp

from reference.web.bounded_http import BoundedHttp
from reference.web.bridge import UpgradedConnection

START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 5.0  # after this, uvicorn cancels what is still being answered
# Longer than any pause of a client that keeps its connections: uvicorn's 5 s would close one while it is being reused.
KEEP_ALIVE_S = 75


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Port 0 lets the system choose. Raises OSError where it is in use."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named: asyncio sets TCP_NODELAY only on sockets that say they are TCP, and without it each answer
    # waits 40 ms for the client's delayed acknowledgement of its head.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(
            1024
        )  # now, not when the app has started: only a listening socket keeps others off the port
    except OSError:
        listener.close()
        raise
    return listener


class WebServer:
    """Serves an app on a bound socket, which it closes at the end: in the calling thread or in one of its own."""

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        self._listener = listener
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=BoundedHttp,
                ws=UpgradedConnection,
                lifespan="on",
                loop="asyncio",  # the same everywhere, whether or not uvloop happens to be installed
                log_config=None,
                access_log=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=int(STOP_TIMEOUT_S),
            )
        )
        self._thread = threading.Thread(target=self.run, name="deltacrown-server", daemon=True)

    @property
    def address(self) -> str:
        """`host:port`, as in a URL."""
        host, port = self._listener.getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def url(self) -> str:
        """`http://host:port`."""
        return f"http://{self.address}"

    def run(self) -> None:
        """Serve until stopped, or in the main thread until Ctrl-C or SIGTERM."""
        try:
            self._server.run(sockets=[self._listener])
        finally:
            self._listener.close()

    def stop(self) -> None:
        """Ask to stop; returns at once."""
        self._server.should_exit = True

    def start(self) -> None:
        """Serve in a thread; returns when requests are taken. Raises RuntimeError where the app does not start."""
        self._thread.start()
        ends_s = time.monotonic() + START_TIMEOUT_S
        while not self._server.started:
            if time.monotonic() > ends_s or not self._thread.is_alive():
                self.close()
                raise RuntimeError(f"the web server did not start within {START_TIMEOUT_S:g} s; see its log")
            time.sleep(0.01)

    def close(self) -> None:
        """Stop the thread's server and wait until the last answer is out."""
        self.stop()
        self._thread.join(STOP_TIMEOUT_S + START_TIMEOUT_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
