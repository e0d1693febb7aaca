"""A suite's scenarios as Locust Users, and Tailguard listening to what Locust does."""

from collections.abc import Collection
from pathlib import Path

from tailguard.base.errors import UsageError
from tailguard.config.option import did_you_mean
from tailguard.config.suite_table import find_file, require_suite, suite_in
from tailguard.locust.installed import install
from tailguard.locust.journey_user import JourneyUser, user_class
from tailguard.locust.master.load_test import LoadTest
from tailguard.pipeline.opened_suite import suite_at


def user_classes(file: str, without: Collection[str]) -> dict[str, type[JourneyUser]]:
    """Return the Users of all scenarios in the folder of `file`, by their class names.

    Raises UsageError for a scenario to leave out that does not exist.
    """
    folder = Path(file).resolve().parent
    table = require_suite(suite_in(find_file()))
    suite = suite_at(table)
    without = suite.cases(without)
    for name in without:
        if name not in suite.scenarios:
            raise UsageError(
                f"There is no scenario {name!r} to leave out.{did_you_mean(name, [*suite.scenarios])}"
            )
    install(LoadTest())
    for name, each in suite.scenarios.items():
        if each.is_async and name not in without:
            raise UsageError(
                f"{each.place}: scenario {name!r} is async, which Locust's greenlets do not play: leave it out, and "
                f"play it with `tailguard run {Path(each.journey.__code__.co_filename).name}::{name}`"
            )
    found = [
        user_class(each, suite.weights[name])
        for name, each in suite.scenarios.items()
        if name not in without and Path(each.journey.__code__.co_filename).resolve().parent == folder
    ]
    return {each.__name__: each for each in found}
