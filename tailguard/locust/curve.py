"""CURVE, ZeroMQ's own encryption, by keys that follow from the run key.

Every message is encrypted, authenticated and counted in its connection. The master's public key is as secret as the run
key: a client without it gets no further than the greeting (docs/decisions/0012-locust-curve.md).
"""

from typing import Any  # gevent's sockets are typed as what they replace

import zmq
from zmq.utils import z85

from tailguard.base.errors import UsageError
from tailguard.locust.run_key import RunKey


def seal_master(socket: Any, key: RunKey) -> None:
    """From the next `bind` on, let in only clients that have the key. Raises UsageError if this libzmq has no CURVE."""
    socket.curve_server, socket.curve_secretkey = True, _secret(key)


def seal_worker(socket: Any, key: RunKey) -> None:
    """Speak, from the next `connect` on, only to a master that has the key; raises as `seal_master` does."""
    socket.curve_serverkey = zmq.curve_public(_secret(key))
    socket.curve_publickey, socket.curve_secretkey = zmq.curve_keypair()


def _secret(key: RunKey) -> bytes:
    if not zmq.has("curve"):
        raise UsageError("The installed libzmq has no CURVE, which keeps strangers out: pip install pyzmq.")
    return z85.encode(key.derived("locust master"))
