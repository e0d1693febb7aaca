"""The marker `slo`: which limits and load it states, and the line to add if it is not read, or missing."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

import pytest

from tailguard.base.errors import UsageError
from tailguard.config.option import did_you_mean
from tailguard.judge.objective import parse_stated
from tailguard.pytest_plugin import MINUTES

OPTIONS = ("rate", "users", "compare", "minutes")


@dataclass(frozen=True, slots=True)
class Stated:
    """What a test's markers state: the limits of all, and else what the nearest states.

    `rate`, `users` and `compare`, the commit to compare with, are "" or 0 for none.
    """

    limits: tuple[str, ...]
    rate: str = ""
    users: int = 0
    compare: str = ""
    minutes: float = MINUTES

    def __post_init__(self) -> None:
        """Raise UsageError for what is not a limit, a load or a commit."""
        if unread := [each for each in self.limits if not isinstance(each, str)]:
            raise _wrong(f"{unread[0]!r} is not a limit: write a text, such as 'p95 <= 50ms'")
        if not isinstance(self.rate, str):
            raise _wrong(f"rate is {self.rate!r}: write a text, such as '100/s'")
        if not isinstance(self.users, int) or isinstance(self.users, bool) or self.users < 0:
            raise _wrong(f"users is {self.users!r}: give a whole number, 1 or more")
        if not isinstance(self.compare, str):
            raise _wrong(f"compare is {self.compare!r}: name a commit, such as 'origin/main'")
        if self.compare and self.limits:
            raise _wrong(
                f"{self.limits[0]!r} beside compare={self.compare!r}: ask for each in a test of its own"
            )
        if not isinstance(self.minutes, int | float) or not 0 < self.minutes < inf:
            raise _wrong(f"minutes is {self.minutes!r}: give a number above 0")


def stated_by(node: pytest.Item) -> Stated:
    """Read the markers `tailguard_slo` of a test or, without any, its markers `slo`.

    Raises UsageError for what is not a limit or a load.
    """
    markers = list(node.iter_markers("tailguard_slo")) or list(node.iter_markers("slo"))
    options: dict[str, object] = {}
    for marker in reversed(markers):  # the nearest is the first
        options |= marker.kwargs
    for name in options:
        if name not in OPTIONS:
            raise UsageError(f"@pytest.mark.slo has an unknown option {name!r}.{did_you_mean(name, OPTIONS)}")
    if "minutes" in options and "compare" not in options:
        raise _wrong(
            "minutes are the budget of a comparison: drop them, or name a commit by compare='origin/main'"
        )
    limits = tuple(text for marker in markers for text in marker.args)
    return Stated(limits, **options)  # type: ignore[arg-type]  # checked there


def check_unread(name: str, function: str, markers: Iterable[pytest.Mark]) -> None:
    """Fail a test whose marker states limits that nothing is judged by: it does not ask for the fixture.

    A marker of somebody else's, which states none, is left alone.
    """
    for marker in markers:
        stated = [repr(marker.args[0])] if marker.args else []
        stated += [f"compare={marker.kwargs['compare']!r}"] if "compare" in marker.kwargs else []
        if stated and all(map(_is_limit, marker.args)):
            pytest.fail(
                f"{name} has @pytest.mark.{marker.name}({', '.join(stated)}), and nothing of it is measured: add the "
                f"fixture and its call, `def {function}(slo, ...): slo(call, ...)`",
                pytrace=False,
            )


def without_limits(function: str) -> UsageError:
    """Return the error of a call that no limit is stated for."""
    return UsageError(
        f"slo measures a call, and {function} states no limit: add a line such as "
        f'`@pytest.mark.slo("p95 <= 50ms")` above `def {function}`'
    )


def _wrong(what: str) -> UsageError:
    return UsageError(f"@pytest.mark.slo: {what}")


def _is_limit(text: object) -> bool:
    try:
        return isinstance(text, str) and bool(parse_stated(text))
    except UsageError:
        return False
