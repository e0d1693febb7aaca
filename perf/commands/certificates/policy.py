"""`tailguard certificates lifecycle`: cheaper storage for old certificates."""

import json

import click

from perf.commands.certificates.target import bucket_options, open_bucket
from reference.certificates.lifecycle import Lifecycle
from tailguard.kit import State, say


@click.command()
@click.argument("verb", metavar="show|write|check", type=click.Choice(["show", "write", "check"]))
@bucket_options
def lifecycle(*, verb: str, s3_endpoint: str | None, bucket: str | None, prefix: str, as_json: bool) -> int:
    """Show, write or check the bucket's policy: infrequent access after 30 days, the archive after 365.

    Rules for other keys stay as they are. Exit code 65 if a check finds something, or the server keeps no such policy.
    """
    with open_bucket(s3_endpoint, bucket) as (client, name):
        policy = Lifecycle(client, name, prefix)
        if verb == "write":
            policy.write()
        rules, problems = policy.rules(), policy.problems()
    if as_json:
        say(json.dumps({"rules": rules, "problems": problems}, default=str))
    else:
        shown = [json.dumps(rule, default=str) for rule in rules] if verb == "show" else []
        say(*shown, *problems or ("The policy is as it should be.",))
    return State.INVALID.exit_code if problems and verb != "show" else 0
