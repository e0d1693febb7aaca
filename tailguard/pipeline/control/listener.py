"""The socket of a run under way: mode 600 in its folder, one order per connection."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import msgspec

from tailguard.base.errors import UsageError
from tailguard.base.own_folder import remove_socket
from tailguard.pipeline.control.order import Answer, Order

NAME = "control.sock"
_LONGEST_ADDRESS = 100  # bytes; systems allow 104 or 108
_MOST_BYTES = 1 << 20  # an answer names each scenario
_WITHIN_S = 5.0  # an order is one line: who takes longer to send it blocks all others
_LOOK_S = 0.2


@contextmanager
def listening(folder: Path, obey: Callable[[Order], Answer]) -> Iterator[None]:
    """Take orders as long as the `with` lasts. Raises UsageError if the folder cannot have a socket."""
    over = Event()
    with socket.socket(socket.AF_UNIX) as server, _address(folder) as address:
        umask = os.umask(0o177)  # of a file that is made, the mode is set at once
        try:
            server.bind(address)
        except OSError as error:
            raise UsageError(
                f"Cannot make {folder / NAME}: {error.strerror}. Choose another --runs-dir."
            ) from error
        finally:
            os.umask(umask)
        server.listen()
        server.settimeout(_LOOK_S)
        thread = Thread(target=_serve, args=(server, obey, over), name="control", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            remove_socket(folder / NAME)


def send(folder: Path, order: Order) -> Answer:
    """Return the run's answer, which comes when it has obeyed. Raises UsageError if nobody listens there."""
    with socket.socket(socket.AF_UNIX) as client, _address(folder) as address:
        try:
            client.connect(address)
            client.sendall(msgspec.json.encode(order) + b"\n")
            return msgspec.json.decode(_line_from(client), type=Answer)
        except (OSError, msgspec.DecodeError) as error:
            raise UsageError(f"No run takes orders in {folder}: it has ended, or was killed.") from error


def _serve(server: socket.socket, obey: Callable[[Order], Answer], over: Event) -> None:
    while not over.is_set():
        with suppress(OSError):  # nobody came, or they left before the answer
            connection, _ = server.accept()
            with connection:
                connection.settimeout(_WITHIN_S)
                connection.sendall(msgspec.json.encode(_answered(_line_from(connection), obey)))


def _answered(line: bytes, obey: Callable[[Order], Answer]) -> Answer:
    try:
        return obey(msgspec.json.decode(line, type=Order))
    except msgspec.DecodeError as error:
        return Answer(obeyed=False, told=f"Not a valid order: {error}.")


def _line_from(connection: socket.socket) -> bytes:
    """Return what comes until a line or the connection ends."""
    line = b""
    while not line.endswith(b"\n") and len(line) < _MOST_BYTES and (more := connection.recv(4096)):
        line += more
    return line


@contextmanager
def _address(folder: Path) -> Iterator[str]:
    """Yield the socket's address; that of a long path leads through an open folder, as addresses are short."""
    if len(os.fsencode(folder / NAME)) <= _LONGEST_ADDRESS:
        yield str(folder / NAME)
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{handle}/{NAME}"
    finally:
        os.close(handle)
