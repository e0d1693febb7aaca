"""`tailguard serve`: the reference platform on a port, with a database and a storage of its own."""

import click


@click.command()
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on. WebSocket origins are loopback's.",
)
@click.option(
    "--port",
    default=8000,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 takes a free one.",
)
@click.option("--dsn", help="Your PostgreSQL (default: DATABASE_URL, PG*, else an embedded one).")
@click.option("--s3-endpoint", help="Your S3 (with the usual AWS variables; default: an embedded one).")
def serve(host: str, port: int, dsn: str | None, s3_endpoint: str | None) -> None:
    """Serve the reference platform over HTTP and WebSocket until Ctrl-C.

    \b
    DELTACROWN_SECRET        signs the access tokens (at least 32 bytes; default: a new one)
    THROTTLE_USER_RATE, THROTTLE_ANON_RATE, THROTTLE_REGISTRATION_WRITE_RATE
                             request rates such as 90/min (default: none)
    CERT_LOCAL_ROOT          folder of certificates; with it, CERT_S3_DUAL_WRITE and CERT_S3_READ_PRIMARY
                             say how far S3 is used (docs/how-to/certificates-s3-cutover.md; default: S3 alone)
    TAILGUARD_FAULTS         defects to switch on (default: none)
    """
    from perf.commands.serving import serve_platform  # noqa: PLC0415  # boto3 and psycopg: not for --help

    serve_platform(host, port, dsn, s3_endpoint)
