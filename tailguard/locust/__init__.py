"""Locust: a suite's scenarios as Locust Users, exact samples of all workers merged, our verdicts and exit code."""

import sys
from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tailguard.locust.journey_user import JourneyUser

__all__ = ["users"]


def users(file: str, *, without: Collection[str] = ()) -> "dict[str, type[JourneyUser]]":
    """Return a User class for each scenario beside `file`, by its name: for `globals().update(users(__file__))`.

    `without` names scenarios that are left out. Returns {} unless Locust is running: in-process nothing of it is
    loaded, as it patches the interpreter. A mistake in the suite ends the process with its sentence and 64.
    """
    if "locust" not in sys.modules:
        return {}
    from tailguard.base.errors import UsageError  # noqa: PLC0415  # see above
    from tailguard.base.output.streams import say  # noqa: PLC0415  # see above
    from tailguard.locust.suite_users import user_classes  # noqa: PLC0415  # see above

    try:
        return user_classes(file, without)
    except UsageError as error:
        say(f"Error: {error}", err=True)  # locust would print a traceback
        raise SystemExit(64) from None
