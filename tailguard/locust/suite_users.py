"""A suite's scenarios as Locust Users, and Tailguard listening to what Locust does."""

from pathlib import Path

from tailguard.config.suite_table import find_file, require_suite, suite_in
from tailguard.locust.bridge import JourneyUser, install, user_class
from tailguard.locust.master.load_test import LoadTest
from tailguard.suite.parts import parts_of
from tailguard.suite.registry import named_scenarios, scenario_files


def user_classes(file: str) -> dict[str, type[JourneyUser]]:
    """Return the Users of all scenarios that stand in the folder of `file`, by their class names."""
    folder = Path(file).resolve().parent
    suite = require_suite(suite_in(find_file()))
    install(LoadTest)
    slugs = [slug for slug, module in scenario_files(suite).items() if (folder / f"{slug}.py").is_file()]
    playable = parts_of(suite).NEEDED
    found = [
        user_class(each) for each in named_scenarios(suite, [slug for slug in slugs if slug in playable])
    ]
    return {each.__name__: each for each in found}
