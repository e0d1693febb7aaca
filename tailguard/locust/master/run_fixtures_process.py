"""The process that makes a Locust run's fixtures of scope "run", see run_fixtures.py."""

import os
import signal
import sys
from contextlib import ExitStack, suppress
from typing import BinaryIO

import msgspec

from tailguard.base.errors import TailguardError
from tailguard.base.output.log_lines import shown_lines
from tailguard.locust.master.plan import configure
from tailguard.locust.master.run_fixtures import Failed, Made, Order, Told
from tailguard.pipeline.built_ins import built_ins
from tailguard.pipeline.environment import describe_environment
from tailguard.pipeline.opened_suite import open_suite
from tailguard.pipeline.parts import Parts
from tailguard.suite.data import to_data
from tailguard.suite.discovery import plans_of
from tailguard.suite.invariants import SkippedError
from tailguard.suite.lifetime import in_time
from tailguard.suite.resolver import Resolver
from tailguard.suite.run import Run, Shard


def main() -> None:
    """Make the fixtures, and keep them until standard input ends."""
    for number in (signal.SIGINT, signal.SIGTERM):  # ignored, if we were started in the background
        signal.signal(number, signal.default_int_handler)
    with _own_output() as output, shown_lines(), ExitStack() as stack, suppress(KeyboardInterrupt):
        order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
        try:
            _tell(output, _make(order, stack))
        except TailguardError as error:
            _tell(output, Failed(why=str(error)))
        else:
            sys.stdin.buffer.read()


def _make(order: Order, stack: ExitStack) -> Made:
    config = configure(order.selection, tuple(order.planned))
    run = Run(order.run, config.seed, order.planned)
    parts = stack.enter_context(Parts(config, run.placement))
    resolver = stack.enter_context(Resolver())
    table = built_ins(config, run, order.target, Shard(), parts)
    skipped = {}
    for plan in plans_of(*open_suite(config), table):
        try:
            with in_time(plan.scenario.title, plan.scenario.file, config.limits.prepare_s):
                resolver.export([plan])
        except SkippedError as error:
            skipped[plan.scenario.name] = str(error)
    return Made(
        values=msgspec.Raw(msgspec.json.encode(resolver.export([]))),
        notes=msgspec.Raw(msgspec.json.encode(to_data(run.notes, "a note of the run"))),
        skipped=skipped,
        environment=describe_environment(config.folder, postgres=parts.postgres_record, s3=parts.s3_record),
    )


def _own_output() -> BinaryIO:
    """Return standard output, from now on for us alone: what a fixture prints goes to standard error."""
    output = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return output


def _tell(output: BinaryIO, told: Told) -> None:
    output.write(msgspec.json.encode(told) + b"\n")
    output.flush()


if __name__ == "__main__":
    main()
