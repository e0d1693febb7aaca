"""Free TCP ports on the loopback address."""

import random
import socket
from contextlib import ExitStack

LOOPBACK = "127.0.0.1"
# Above 32767 the kernel hands ports to outgoing connections (Linux: 32768-60999), which then collide with ours;
# below 10000 live the servers people start by hand.
_FIRST, _LAST = 10_000, 32_000
_TRIES = 1_000


def free_ports(count: int, twin_offset: int = 0) -> list[int]:
    """Return `count` different ports that nobody listens on at this instant.

    With `twin_offset`, so is each one's port that much higher (SeaweedFS expects its gRPC ports 10,000 above).
    Another process may take one before we do: the caller must be ready to ask again if binding fails.
    Raises OSError if there are none.
    """
    ports: list[int] = []
    with ExitStack() as held:
        for port in random.sample(range(_FIRST, _LAST - twin_offset), _TRIES):
            if _taken_for_now(port, held) and (not twin_offset or _taken_for_now(port + twin_offset, held)):
                ports.append(port)
            if len(ports) == count:
                return ports
    raise OSError(f"no {count} free TCP ports between {_FIRST} and {_LAST} on {LOOPBACK}")


def free_port() -> int:
    """Return one port that nobody listens on at this instant."""
    return free_ports(1)[0]


def _taken_for_now(port: int, held: ExitStack) -> bool:
    """Bind `port` until `held` closes, so that none is chosen twice; False if another has it."""
    probe = held.enter_context(socket.socket())
    try:
        probe.bind((LOOPBACK, port))
    except OSError:
        return False
    return True
