"""The first failure of a kind: what it said, and what it was, so that a remedy can be named."""

from collections.abc import Iterator
from typing import Self

import msgspec

from tailguard.base.answered import shortened
from tailguard.base.secrets import mask

# An answer's first bytes and the words around it.
MOST_SAID = 500
# Of a failure that was raised from another one; a longer chain repeats itself.
_MOST_CAUSES = 8


class FirstFailure(msgspec.Struct, frozen=True):
    """Attributes:
    said: its words, secrets masked, at most MOST_SAID characters.
    classes: the full names of its classes and of those of its causes, the nearest first.
    status: the HTTP status that it tells, None if it tells none.
    """

    said: str
    classes: tuple[str, ...] = ()
    status: int | None = None

    @classmethod
    def of(cls, failure: BaseException) -> Self:
        chain = list(_chain(failure))
        names = dict.fromkeys(full_name(base) for each in chain for base in type(each).__mro__)
        status = next((found for each in chain if (found := _status(each)) is not None), None)
        return cls(shortened(mask(str(failure)), MOST_SAID), tuple(names), status)


def full_name(kind: type) -> str:
    """Return a class's name with its module's."""
    return f"{kind.__module__}.{kind.__qualname__}"


def _chain(failure: BaseException) -> Iterator[BaseException]:
    each: BaseException | None = failure
    for _ in range(_MOST_CAUSES):
        if each is None:
            return
        yield each
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)


def _status(failure: BaseException) -> int | None:
    """Return the status that a failure, or the response in it, has; the HTTP libraries call it one of two names."""
    for holder in (failure, getattr(failure, "response", None)):
        for name in ("status", "status_code"):
            status = getattr(holder, name, None)
            if isinstance(status, int):
                return status
    return None
