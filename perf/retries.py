"""Retries that a platform counts itself, told to the engine."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import tailguard as tg
from perf.platform import Retried
from reference.errors import PlatformError

P = ParamSpec("P")
R = TypeVar("R", bound=Retried)


def counted(call: Callable[P, R]) -> Callable[P, tg.Timed[R]]:
    """Return `call` as a step takes it: its sample knows how often the platform tried again, also in vain."""

    def timed(*args: P.args, **kwargs: P.kwargs) -> tg.Timed[R]:
        try:
            value = call(*args, **kwargs)
        except PlatformError as failure:
            raise tg.RetriedError(failure, failure.retries) from failure
        return tg.Timed(value, retries=value.retries)

    return timed
