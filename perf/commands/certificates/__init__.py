"""`tailguard certificates`: move certificates from the local disk to S3, and prove that none was lost or changed."""

import click

from perf.commands.certificates.canary import canary
from perf.commands.certificates.checking import check
from perf.commands.certificates.copying import backfill
from perf.commands.certificates.policy import lifecycle


@click.group()
def certificates() -> None:
    """Certificates from the local disk to S3: docs/how-to/certificates-s3-cutover.md."""


for command in (backfill, check, lifecycle, canary):
    certificates.add_command(command)
