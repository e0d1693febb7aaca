"""A scenario as a Locust User, where Locust is running us.

In-process nothing of this is loaded: Locust patches the interpreter where it is imported.
"""

import sys
from typing import TYPE_CHECKING

from perf.mapping.target import NEEDED
from tailguard.engine.scenario import Scenario

if TYPE_CHECKING:
    from tailguard.locust.bridge import JourneyUser


def as_locust_user(scenario: Scenario) -> "type[JourneyUser] | None":
    """Return the scenario's User where Locust is running us; None elsewhere, and for one that HTTP cannot play."""
    if "locust" not in sys.modules or scenario.slug not in NEEDED:
        return None
    from tailguard.locust.bridge import install, user_class  # noqa: PLC0415  # see above
    from tailguard.locust.master.load_test import TournamentStage  # noqa: PLC0415

    install(TournamentStage)
    return user_class(scenario)
