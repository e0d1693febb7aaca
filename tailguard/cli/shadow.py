"""`tailguard shadow`: a candidate is asked what users ask, and no user sees its answers."""

from collections.abc import Sequence
from pathlib import Path

import click

from tailguard.cli.number_range import NumberRange
from tailguard.cli.suite_options import runs_dir_option
from tailguard.config.merge import load_config


@click.command()
@click.option("--primary", metavar="URL", required=True, help="The service that answers users.")
@click.option("--candidate", metavar="URL", required=True, help="The one that is asked the same, unseen.")
@click.option("--primary-dsn", help="The primary's database; only compared with the candidate's.")
@click.option("--candidate-dsn", help="The candidate's database: must be another one.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=0,
    help="Port of 127.0.0.1 for users (default: a free one).",
)
@click.option("--minutes", type=NumberRange(0.01, 10_080), default=10.0, show_default=True, help="How long.")
@click.option(
    "--timeout",
    type=NumberRange(0.05, 3600),
    default=10.0,
    show_default=True,
    help="Seconds after which the candidate has not answered.",
)
@click.option(
    "--ignore",
    "ignored",
    multiple=True,
    metavar="[ROUTE ]FIELD",
    help="Do not compare this field, such as 'POST /orders created_at'; may be repeated.",
)
@click.option(
    "--record", type=click.Path(), help="Write the requests to a new file, for `tailguard run --replay FILE`."
)
@click.option(
    "--record-secrets",
    is_flag=True,
    help="Record passwords, tokens and cookies too, so that they work in a replay.",
)
@runs_dir_option
def shadow(
    primary: str,
    candidate: str,
    primary_dsn: str | None,
    candidate_dsn: str | None,
    *,
    port: int,
    minutes: float,
    timeout: float,
    ignored: Sequence[str],
    record: str | None,
    record_secrets: bool,
    runs_dir: str | None,
) -> int:
    """Answer users from the primary, repeat each request to the candidate, compare answers and latencies.

    Users never wait for the candidate and never see its answers. It is sent writes, too: give it a database of its
    own. Differences that the primary shows when it is asked twice are noise.

    Exits 0 if the candidate answers the same and is not slower, 99 if not, 75 if the requests were too few to tell, 65
    if too many were not repeated.
    """
    from tailguard.shadow.address import address_of, check_apart, check_databases_apart
    from tailguard.shadow.session import Plan, ignored_of, run_shadow

    sides = address_of(primary, "--primary"), address_of(candidate, "--candidate")
    check_apart(*sides)
    check_databases_apart(primary_dsn, candidate_dsn)
    plan = Plan(
        primary=sides[0],
        candidate=sides[1],
        port=port,
        seconds=minutes * 60,
        timeout_s=timeout,
        ignored=ignored_of(ignored),
        record=Path(record) if record else None,
        record_secrets=record_secrets,
    )
    return run_shadow(load_config(flags={"runs_dir": runs_dir} if runs_dir else {}), plan)
