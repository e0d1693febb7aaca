"""Locust's sockets, sealed: a stranger reaches neither Locust's own messages nor ours."""

import os
import secrets
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn  # locust's objects ship no types

import gevent  # type: ignore[import-untyped]  # ships no types
import zmq.green as zmq
from locust.exception import RPCReceiveError
from locust.rpc import Message, zmqrpc
from zmq.utils.monitor import parse_monitor_message

from tailguard.base.errors import TailguardError, UsageError
from tailguard.base.output.streams import say
from tailguard.locust.curve import seal_master, seal_worker
from tailguard.locust.run_key import FILE_VARIABLE, HOW, SHORTEST, RunKey, given_key, own_key

# Between us and a master that is still starting there may be a proxy, which takes a connection and closes it.
PATIENCE_S = 10.0
_FAILED = zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL


def seal_sockets() -> Callable[[], RunKey]:
    """Seal all sockets that Locust opens in this process and its forks; return what gives the run key.

    Raises UsageError for a key that was given and cannot be used.
    """
    given = given_key(os.environ)
    of_forks = secrets.token_hex(
        SHORTEST
    )  # made here, so that the workers of --processes have it from their parent

    def key() -> RunKey:
        return given or own_key(os.environ, of_forks)

    rpc: Any = zmqrpc  # ships no types
    plain_init, plain_receive = rpc.BaseSocket.__init__, rpc.Server.recv_from_client

    def sealed(self: Any, kind: int, ipv4_only: bool) -> None:  # noqa: FBT001  # locust's signature
        plain_init(self, kind, ipv4_only)
        try:
            (seal_master if kind == zmq.ROUTER else seal_worker)(self.socket, key())
        except UsageError as error:
            end(error)
        if kind != zmq.ROUTER:
            gevent.spawn(
                _watch, self.socket, self.socket.get_monitor_socket(_FAILED | zmq.EVENT_HANDSHAKE_SUCCEEDED)
            )

    def receive(self: Any) -> tuple[str, Message]:
        try:
            identity, message = plain_receive(self)
        except (TypeError, ValueError) as error:
            raise RPCReceiveError(f"a message that cannot be read: {error}") from error
        if message.node_id != identity:
            raise RPCReceiveError(f"a message of {identity} says that it is of {message.node_id!r}")
        return identity, message

    rpc.BaseSocket.__init__, rpc.Server.recv_from_client = sealed, receive
    return key


def end(error: TailguardError) -> NoReturn:
    """End this process with the error's sentence and its exit code, from whichever greenlet."""
    say(f"Error: {error}", err=True)
    sys.exit(error.exit_code)  # gevent hands it to the main greenlet


def _watch(socket: Any, monitor: Any) -> None:
    """End this process if the master does not answer our greeting: locust would try for minutes, and not say why."""
    until_s = None
    while parse_monitor_message(monitor.recv_multipart())["event"] & _FAILED:
        until_s = until_s or time.monotonic() + PATIENCE_S
        if time.monotonic() > until_s:
            address = socket.get(zmq.LAST_ENDPOINT).decode().removeprefix("tcp://")
            end(
                UsageError(
                    f"The Locust master at {address} does not have this worker's run key: {HOW} "
                    f"(or {FILE_VARIABLE} to a file of it)."
                )
            )
    socket.disable_monitor()
