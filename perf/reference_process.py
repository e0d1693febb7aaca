"""The reference platform in a process of its own, for a Locust run without --host.

Locust's process is one event loop; the platform is threads, an ASGI server and a database driver, and must not share
it. It speaks in lines of JSON: its configuration comes in on standard input, `say` and `ready` go out on standard
output, secrets in them and nowhere else. It ends when its standard input does, so it never outlives its parent.
"""

import json
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import msgspec

from tailguard.base.errors import TailguardError, UsageError
from tailguard.locust.options import Selection
from tailguard.record.environment import Environment
from tailguard.record.run_json import decode, plain


@dataclass(frozen=True, slots=True)
class Reference:
    """The running platform, where it is and what was made to fail in it; `secret` signs its tokens."""

    process: "subprocess.Popen[str]"
    url: str
    secret: str
    conninfo: str
    environment: Environment
    faults: tuple[str, ...]

    def close(self) -> None:
        """Let it end, and wait until all of it is gone."""
        assert self.process.stdin is not None and self.process.stdout is not None  # noqa: PT018  # for mypy
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()


def start_reference(selection: Selection, port: int, say: Callable[[str], None]) -> Reference:
    """Start the platform with its servers on loopback. Raises UsageError if it cannot be started."""
    process = subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,  # Ctrl-C is ours to hear: the samples need the platform until they are checked
    )
    assert process.stdin is not None and process.stdout is not None  # noqa: PT018  # for mypy
    process.stdin.write(json.dumps({**msgspec.structs.asdict(selection), "port": port}) + "\n")
    process.stdin.flush()
    for line in process.stdout:
        told = json.loads(line)
        if "say" in told:
            say(told["say"])
        elif "ready" in told:
            return _reference(process, told["ready"])
        else:
            process.stdin.close()
            process.wait(60)
            raise UsageError(f"The reference platform cannot be started: {told['failed']}")
    raise UsageError(f"The reference platform ended before it was ready (exit code {process.wait(60)}).")


def _reference(process: "subprocess.Popen[str]", ready: Mapping[str, Any]) -> Reference:
    return Reference(
        process=process,
        url=ready["url"],
        secret=ready["secret"],
        conninfo=ready["conninfo"],
        environment=decode(json.dumps(ready["environment"]).encode(), Environment),
        faults=tuple(ready["faults"]),
    )


def main() -> None:
    """Serve until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    asked = json.loads(sys.stdin.readline())
    with ExitStack() as stack:
        try:
            ready = serve(asked, stack)
        except TailguardError as error:
            tell(failed=str(error))
            return
        tell(ready=ready)
        try:
            sys.stdin.read()
        except KeyboardInterrupt:
            return


def serve(asked: Mapping[str, Any], stack: ExitStack) -> dict[str, Any]:
    """Start everything on `stack` and return what the parent needs to know."""
    # Here, not above: the parent imports this file too, and under gevent none of these belongs there.
    from perf.world import read_faults, seed  # noqa: PLC0415
    from reference.certificates import S3Storage  # noqa: PLC0415
    from reference.platform import DeltaCrown  # noqa: PLC0415
    from reference.web.app import create_app  # noqa: PLC0415
    from reference.web.server import WebServer, bind  # noqa: PLC0415
    from tailguard.config.merge import load_config  # noqa: PLC0415
    from tailguard.pipeline.environment import describe_environment  # noqa: PLC0415
    from tailguard.postgres.database import open_database  # noqa: PLC0415
    from tailguard.postgres.settings import postgres_record  # noqa: PLC0415
    from tailguard.s3.server import open_s3  # noqa: PLC0415
    from tailguard.s3.store import s3_record  # noqa: PLC0415

    config = load_config(asked["profile"], file=asked["file"], sets=asked["sets"])
    faults = read_faults()
    tell(say="starting PostgreSQL")
    database = stack.enter_context(open_database(config.get("database.dsn") or None))
    tell(say="starting S3")
    s3 = stack.enter_context(open_s3(config.get("s3.endpoint") or None, config.get("s3.bucket") or None))
    tell(say="seeding the platform")
    seed(config, database.conninfo)
    storage = S3Storage(
        s3.client(max_pool_connections=32, retries={"total_max_attempts": 1}), s3.bucket, s3.prefix
    )
    secret = secrets.token_hex(32)
    platform = DeltaCrown(database.conninfo, storage=storage, secret=secret, faults=faults)
    stack.callback(platform.close)
    server = stack.enter_context(WebServer(create_app(platform), bind("127.0.0.1", asked["port"])))
    with database.connect() as connection:
        postgres = postgres_record(connection, database.source)
    environment = describe_environment(postgres=postgres, s3=s3_record(s3))
    return {
        "url": server.url,
        "secret": secret,
        "conninfo": database.conninfo,
        "environment": plain(environment),
        "faults": faults.names(),
    }


def tell(**line: Any) -> None:
    """Write one line of JSON to the parent."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
