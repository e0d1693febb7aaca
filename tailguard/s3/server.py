"""A real S3 server of our own (SeaweedFS), or yours."""

import os
import secrets
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from tailguard.base.errors import TailguardError, UsageError
from tailguard.base.extras import command_of
from tailguard.base.interrupts import left_behind
from tailguard.base.processes import Child, Watchdog
from tailguard.s3.address import S3Server
from tailguard.s3.embedded import EMBEDDED_REGION, Start, find_weed, moto, seaweedfs
from tailguard.s3.store import StorageError, check_answer, ensure_bucket, remove_ours, software

DEFAULT_BUCKET = "tailguard"
_START_TIMEOUT_S = 60.0  # 1 s here
_START_TRIES = 5
# How SeaweedFS and moto say that another process took the port between our asking and the binding.
_PORT_TAKEN = ("port allocation failed", "address already in use")
# Another process that took our port may accept and never answer: do not wait for long.
_PROBE = {"connect_timeout": 1, "read_timeout": 3, "retries": {"total_max_attempts": 1}}


@contextmanager
def open_s3(
    endpoint: str | None = None,
    bucket: str | None = None,
    region: str | None = None,
    *,
    cpus: Sequence[int] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Iterator[S3Server]:
    """Use the S3 at `endpoint` with the AWS_* variables, or start one if none is named."""
    with your_s3(endpoint, bucket, region, environ) if endpoint else embedded_s3(cpus, bucket) as server:
        yield server


@contextmanager
def embedded_s3(
    cpus: Sequence[int] | None = None, bucket: str | None = None, weed: str | Path | None = None
) -> Iterator[S3Server]:
    """Start a server on loopback ports with keys of its own and an empty bucket; gone on exit or at our death.

    SeaweedFS if its program runs (`weed`, default: the wheel's, else the PATH's), else moto; `kind` says which.
    """
    program = str(weed) if weed else find_weed()
    if program is None and find_spec("moto") is None:
        raise UsageError(
            f"no S3 server to start: {command_of('s3')} adds one (or install `moto[server]`, a stand-in), or give "
            "--s3-endpoint"
        )
    # What is stored here is thrown away, so nothing is lost by KILL; SeaweedFS takes 2.3 s to end by itself.
    with Watchdog(("KILL",)) as watchdog:
        folder = watchdog.folder("s3-")
        start = moto if program is None else seaweedfs(program)
        server = start_until_it_answers(start, folder, watchdog, cpus, bucket or DEFAULT_BUCKET)
        yield server


@contextmanager
def your_s3(
    endpoint: str,
    bucket: str | None = None,
    region: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Iterator[S3Server]:
    """Use your server, signed with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, if set, AWS_SESSION_TOKEN.

    A missing bucket is made and removed again; in one that was there we touch only our own prefix.
    """
    env = os.environ if environ is None else environ
    _check_yours(endpoint, env)
    server = S3Server(
        endpoint=endpoint,
        region=region or env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or EMBEDDED_REGION,
        bucket=bucket or DEFAULT_BUCKET,
        kind="yours",
        version="unknown",
        prefix=f"tailguard-{secrets.token_hex(5)}/",
        access_key=env["AWS_ACCESS_KEY_ID"],
        secret_key=env["AWS_SECRET_ACCESS_KEY"],
        session_token=env.get("AWS_SESSION_TOKEN") or None,
    )
    check_answer(server)
    made = ensure_bucket(server)
    with left_behind(f"Tailguard's objects in the bucket {server.bucket} below {server.prefix}: remove them"):
        try:
            yield replace(server, version=software(server))
        finally:
            remove_ours(server, bucket_too=made)


def _check_yours(endpoint: str, env: Mapping[str, str]) -> None:
    missing = [name for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY") if not env.get(name)]
    if missing:
        raise StorageError(
            f"--s3-endpoint {_shown(endpoint)} needs {' and '.join(missing)} in the environment"
        )
    if "@" in endpoint:
        raise StorageError(f"--s3-endpoint {_shown(endpoint)}: give keys in AWS_* variables, not in the URL")
    if not endpoint.startswith(("http://", "https://")):
        raise StorageError(f"--s3-endpoint {_shown(endpoint)} is not a URL: write https://host:port")


def start_until_it_answers(
    start: Start, folder: Path, watchdog: Watchdog, cpus: Sequence[int] | None, bucket: str
) -> S3Server:
    """Start until a server answers, on other ports if another process was quicker."""
    for _ in range(_START_TRIES):
        child, server = start(folder, watchdog, cpus, bucket)
        try:
            if _answers(child, server):
                return server
        except (OSError, StorageError) as error:
            raise TailguardError(f"the S3 server did not start: {error}\n{child.log_tail()}") from error
        said = child.log_tail()
        watchdog.release()
        if not any(words in said.lower() for words in _PORT_TAKEN):
            break
    raise TailguardError(f"the {server.kind} server did not start:\n{said}")


def _answers(child: Child, server: S3Server) -> bool:
    """Wait until the bucket can be made; False if the server ended instead."""
    deadline = time.monotonic() + _START_TIMEOUT_S
    while child.running:
        try:
            host, port = server.address.split(":")
            socket.create_connection((host, int(port)), timeout=1).close()
            ensure_bucket(server, **_PROBE)
        except (OSError, StorageError):  # it listens a moment before it serves
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return child.running
    return False


def _shown(endpoint: str) -> str:
    """Return the endpoint without a user part, which may hold a password."""
    scheme, _, rest = endpoint.rpartition("://")
    return f"{scheme}://{rest.split('@')[-1]}" if scheme else rest.split("@")[-1]
