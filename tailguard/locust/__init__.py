"""Locust: a suite's scenarios as Locust Users, exact samples of all workers merged, our verdicts and exit code."""

import sys
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from tailguard.locust.journey_user import JourneyUser

T = TypeVar("T")

__all__ = ["judge", "users"]


def judge(*limits: str) -> None:
    """Judge the requests of the locustfile that calls this: `judge("GET /cart p95 <= 120ms", "error rate < 1%")`.

    Or one file of objectives, `judge("slo.toml")`. A request is named as in Locust's table, its method before its name.
    Without an error rate among the limits "error rate < 1%" is one. Does nothing unless Locust is running, and nothing
    more if it is called again. A mistake ends the process with its sentence and 64, before any load starts.
    """
    if "locust" not in sys.modules:
        return
    from pathlib import Path  # noqa: PLC0415  # as in `users`

    from locust import events  # noqa: PLC0415  # likewise

    from tailguard.locust.installed import install  # noqa: PLC0415  # likewise
    from tailguard.locust.judged.judged_test import JudgedTest  # noqa: PLC0415  # likewise

    def judged() -> None:
        test = JudgedTest(Path(caller), limits)
        if install(test):
            test.listen(events)

    caller = sys._getframe(1).f_code.co_filename  # noqa: SLF001  # inspect.stack() reads the source of every module
    _or_exit(judged)


def users(file: str, *, without: Collection[str] = ()) -> "dict[str, type[JourneyUser]]":
    """Return a User class for each scenario beside `file`, by its name: for `globals().update(users(__file__))`.

    `without` names scenarios that are left out. Returns {} unless Locust is running: in-process nothing of it is
    loaded, as it patches the interpreter. A mistake in the suite ends the process with its sentence and 64.
    """
    if "locust" not in sys.modules:
        return {}
    from tailguard.locust.suite_users import user_classes  # noqa: PLC0415  # see above

    return _or_exit(lambda: user_classes(file, without))


def _or_exit(call: "Callable[[], T]") -> "T":
    from tailguard.base.errors import UsageError  # noqa: PLC0415  # as in `users`
    from tailguard.base.output.streams import say  # noqa: PLC0415  # likewise

    try:
        return call()
    except UsageError as error:
        say(f"Error: {error}", err=True)  # locust would print a traceback
        raise SystemExit(64) from None
