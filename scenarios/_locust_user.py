"""A scenario as a Locust User, where Locust is running us.

In-process nothing of this is loaded: Locust patches the interpreter where it is imported.
"""

import sys
from typing import TYPE_CHECKING

from perf.scenario import Scenario
from scenarios._mapping import NEEDED

if TYPE_CHECKING:
    from perf.locust_bridge import JourneyUser


def as_locust_user(scenario: Scenario) -> "type[JourneyUser] | None":
    """Return the scenario's User where Locust is running us; None elsewhere, and for one that HTTP cannot play."""
    if "locust" not in sys.modules or scenario.slug not in NEEDED:
        return None
    from perf.locust_bridge import install, user_class  # noqa: PLC0415  # see above
    from scenarios._locust import TournamentStage  # noqa: PLC0415

    install(TournamentStage)
    return user_class(scenario)
