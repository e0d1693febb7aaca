"""A scenario of this repository's suite at play: its fixtures made by a resolver, its iterations by the engine."""

from collections import ChainMap
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from tailguard.config.merge import load_config
from tailguard.engine.measure import measure
from tailguard.engine.schedule import Closed
from tailguard.engine.workload import Load, Measurement, Workload
from tailguard.http import HttpConnections
from tailguard.postgres import Postgres
from tailguard.record.scenario import Invariant
from tailguard.s3 import S3Server
from tailguard.suite.discovery import discover
from tailguard.suite.fixture import given
from tailguard.suite.plan import AnyFixture, plan_scenario
from tailguard.suite.resolver import BoundScenario, Resolver
from tailguard.suite.run import Run, Shard, Target
from tests.support.suite import ROOT, SUITE

NOWHERE = Postgres("", "", "", "")
NO_S3 = S3Server("", "", "", "", "")


def built_ins(folder: Path, **given_values: object) -> dict[str, AnyFixture]:
    """The built-in fixtures of a run, each as it is if nobody gives another; `flags` are the configuration's."""
    flags = given_values.pop("flags", {})
    values = {
        "config": load_config("smoke", flags=flags),
        "run": Run("r1", 7),
        "target": Target(""),
        "shard": Shard(),
        "folder": folder,
        "connections": HttpConnections(),  # opens nothing before it is used
        "postgres": NOWHERE,
        "s3": NO_S3,
    }
    return {name: given(name, value) for name, value in (values | given_values).items()}


def postgres_of(database) -> Postgres:
    """A test's database as fixtures get it."""
    return Postgres(database.conninfo, database.schema, database.version, database.source)


def planned(name: str, fixtures: Mapping[str, AnyFixture], **instead: object):
    """The plan of a scenario; a fixture that is given `instead` comes before the suite's own."""
    suite = discover(ROOT, [f"scenarios/{name}.py"], SUITE.fixtures)
    own = {each: given(each, value) for each, value in instead.items()}
    return plan_scenario(suite.scenarios[name], ChainMap(own, suite.table(suite.scenarios[name], fixtures)))


@contextmanager
def bound(name: str, fixtures: Mapping[str, AnyFixture], **instead: object) -> Iterator[BoundScenario]:
    """A scenario with all that it needs made, while the `with` lasts."""
    connections = HttpConnections()
    table = {**fixtures, "connections": given("connections", connections)}
    with closing(connections), Resolver() as resolver:
        yield resolver.bind(planned(name, table, **instead))


def play(
    scenario: BoundScenario, iterations: int, users: int = 4
) -> tuple[Measurement, dict[str, Invariant]]:
    """Play so many iterations after a short warm-up; return them, and by name the invariants that can be checked."""
    load = Load(Closed(users, 60), warmup=2, max_samples=iterations)
    measured = measure([Workload(scenario, load)], run_id="r1")[scenario.name]
    checked = [] if scenario.unchecked else scenario.check(measured.samples, 60.0)
    return measured, {each.name: each for each in checked}
