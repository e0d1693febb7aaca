"""The marker `slo`: which limits and load it states, and the line to add if it is not read, or missing."""

from collections.abc import Iterable
from dataclasses import dataclass

import pytest

from tailguard.base.errors import UsageError
from tailguard.config.option import did_you_mean
from tailguard.judge.objective import parse_stated

OPTIONS = ("rate", "users")


@dataclass(frozen=True, slots=True)
class Stated:
    """What a test's markers state: the limits of all, and the load of the nearest that states it; "" and 0 for none."""

    limits: tuple[str, ...]
    rate: str
    users: int


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
            raise UsageError(
                f"@pytest.mark.slo has an option {name!r} that there is not.{did_you_mean(name, OPTIONS)}"
            )
    limits = tuple(text for marker in markers for text in marker.args)
    rate, users = options.get("rate", ""), options.get("users", 0)
    if unread := [each for each in limits if not isinstance(each, str)]:
        raise UsageError(
            f"@pytest.mark.slo: {unread[0]!r} is not a limit: write a text, such as 'p95 <= 50ms'"
        )
    if not isinstance(rate, str):
        raise UsageError(f"@pytest.mark.slo: rate is {rate!r}: write a text, such as '100/s'")
    if not isinstance(users, int) or isinstance(users, bool) or users < 0:
        raise UsageError(f"@pytest.mark.slo: users is {users!r}: give a whole number, 1 or more")
    return Stated(limits, rate, users)


def check_unread(name: str, function: str, markers: Iterable[pytest.Mark]) -> None:
    """Fail a test whose marker states limits that nothing is judged by: it does not ask for the fixture.

    A marker of somebody else's, which states none, is left alone.
    """
    for marker in markers:
        if marker.args and all(_is_limit(each) for each in marker.args):
            pytest.fail(
                f"{name} has @pytest.mark.{marker.name}({marker.args[0]!r}), and nothing of it is measured: add the "
                f"fixture and its call, `def {function}(slo, ...): slo(call, ...)`",
                pytrace=False,
            )


def without_limits(function: str) -> UsageError:
    """Return the error of a call that no limit is stated for."""
    return UsageError(
        f"slo measures a call, and {function} states no limit: add a line such as "
        f'`@pytest.mark.slo("p95 <= 50ms")` above `def {function}`'
    )


def _is_limit(text: object) -> bool:
    try:
        return isinstance(text, str) and bool(parse_stated(text))
    except UsageError:
        return False
