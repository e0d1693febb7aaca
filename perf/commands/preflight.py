"""`tailguard preflight-mapping`: one request of each kind, before a load test asks thousands."""

import click


@click.command("preflight-mapping")
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
    help="Requests of each step, eight at once, to see a 429.",
)
def preflight(host: str, target: str | None, dsn: str | None, burst: int) -> int:
    """Check that a target can be load-tested: health, log-in, each step, throttles, connections, WebSocket.

    \b
    Exit codes: 0 ready, 65 something would spoil the run (printed with its remedy), 64 usage.
    """
    from pathlib import Path  # noqa: PLC0415  # with what follows

    import tailguard as tg  # noqa: PLC0415
    from perf.commands.preflight_checks import Preflight  # noqa: PLC0415  # not for --help
    from perf.mapping.target import STEPS, load_mapping  # noqa: PLC0415
    from tailguard.http import check_address  # noqa: PLC0415
    from tailguard.kit import show_checks  # noqa: PLC0415

    check_address(host, "--host")
    path = Path(target or "tailguard.toml")
    described = load_mapping(path) if target or path.is_file() else None
    if described is None:
        raise tg.UsageError(
            f"{path} describes no [target]: name a file with --target (docs/examples/deltacrown-mapping.toml)"
        )
    if all(described.why_unasked(step) for step in (*STEPS, "feed")):
        raise tg.UsageError(
            f"{path} has nothing to ask: a step needs its pool, such as [target.pools.tournaments] for register "
            "(docs/reference/mapping.md)"
        )
    return show_checks(Preflight(described, host.rstrip("/"), dsn, burst).run())
