"""An S3 server with switches for faults: a proxy before it, and, if it is embedded, its control."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tailguard.base.errors import TailguardError, UsageError
from tailguard.config.merge import Config
from tailguard.faults.proxy import Fault, FaultProxy, Kind
from tailguard.s3.address import S3Server

if TYPE_CHECKING:
    from tailguard.s3.restartable import RestartableS3

_WIRE: dict[str, Kind] = {
    "s3_errors": "error",
    "s3_timeouts": "lost",
    "s3_resets": "reset",
    "s3_down": "down",
}


@dataclass(frozen=True, slots=True)
class S3Switches:
    """`server` is reached through `proxy`. `control` is None if the server is yours."""

    server: S3Server
    proxy: FaultProxy
    control: "RestartableS3 | None"

    def inject(self, kind: str, amount: float) -> None:
        """Let a fault befall a share of the answers; of `s3_slow` the amount is seconds and befalls all."""
        if kind == "s3_slow":
            self.proxy.set([Fault("slow", seconds=amount)])
        else:
            self.proxy.set([Fault(_WIRE[kind], amount or 1.0)])

    def mend(self) -> None:
        """Take every fault on the wire back."""
        self.proxy.set([])

    def kill(self) -> None:
        """Kill the server. Raises TailguardError if it is yours."""
        self._control().kill()

    def restart(self) -> None:
        """Start the killed server again."""
        self._control().restart()

    def _control(self) -> "RestartableS3":
        if self.control is None:
            raise TailguardError(
                "only an embedded S3 server can be killed: leave s3_killed out of chaos.faults"
            )
        return self.control


@contextmanager
def open_switched_s3(config: Config, cpus: Sequence[int] | None) -> Iterator[S3Switches]:
    """Open the configured S3, or an embedded one, behind a proxy. Raises UsageError for an endpoint with TLS."""
    from tailguard.s3.restartable import restartable_s3  # noqa: PLC0415  # only who orders these faults needs boto3
    from tailguard.s3.server import your_s3  # noqa: PLC0415

    with ExitStack() as stack:
        endpoint, bucket = config.s3.endpoint or None, config.s3.bucket or None
        control = None
        if endpoint is None:
            control = stack.enter_context(restartable_s3(cpus, bucket))
            server = control.server
        else:
            server = stack.enter_context(your_s3(endpoint, bucket, config.s3.region or None))
        parts = urlsplit(server.endpoint)
        if parts.scheme != "http" or parts.hostname is None:
            raise UsageError(
                "chaos.faults: faults on the wire need an S3 endpoint without TLS, as http://host:port"
            )
        proxy = stack.enter_context(FaultProxy(parts.hostname, parts.port or 80, config.seed))
        yield S3Switches(replace(server, endpoint=f"http://{proxy.address}"), proxy, control)
