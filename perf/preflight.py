"""`tailguard preflight`: one request of each kind, before a load test asks thousands."""

import click


@click.command()
@click.option("--host", required=True, help="The target: http(s)://host:port.")
@click.option(
    "--target",
    type=click.Path(),
    help="TOML file with its routes, log-in and data (default: ./tailguard.toml).",
)
@click.option("--dsn", help="The target's PostgreSQL, to see how many connections it has left.")
@click.option(
    "--burst",
    default=20,
    show_default=True,
    type=click.IntRange(1, 500),
    help="Requests at once, to see a 429.",
)
def preflight(host: str, target: str | None, dsn: str | None, burst: int) -> int:
    """Check that a target can be load-tested: health, log-in, each step, throttles, connections, WebSocket.

    \b
    Exit codes: 0 ready, 65 something would spoil the run (said with its remedy), 64 usage.
    """
    from pathlib import Path  # noqa: PLC0415  # with what follows

    from perf.mapping.target import load_target  # noqa: PLC0415  # not for --help
    from perf.preflight_checks import Preflight  # noqa: PLC0415
    from tailguard.base.errors import UsageError  # noqa: PLC0415
    from tailguard.config.suite_table import find_file  # noqa: PLC0415
    from tailguard.http.connections import is_address  # noqa: PLC0415

    if not is_address(host):
        raise UsageError(f"--host {host!r} is no address: write it as https://host or http://host:port")
    path = Path(target) if target else find_file()
    described = load_target(path) if path is not None else None
    if described is None:
        raise UsageError(
            f"{path or 'tailguard.toml'} has no [target]: name a file with --target (docs/examples/deltacrown.toml)"
        )
    checks = Preflight(described, host.rstrip("/"), dsn, burst).run()
    worst = 0
    for check in checks:
        mark = {"ok": "ok     ", "skip": "skipped", "fail": "FAILED "}[check.state]
        click.echo(f"{mark}  {check.name}: {check.told}")
        worst |= check.state == "fail"
    return 65 if worst else 0
