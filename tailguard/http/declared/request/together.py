"""A request that is sent several times at one instant, as people do who press the same button: one may be accepted."""

from collections.abc import Callable, Collection

from tailguard.http.declared.answer import Answer, RefusedAnswerError
from tailguard.http.declared.checks import is_meant

Call = Callable[[], Answer]
Together = Callable[..., list[Answer | Exception]]


class NotOneWinnerError(Exception):
    """Of requests that started together none was accepted, or more than one."""


def one_winner(together: Together, call: Call, count: int, refusals: Collection[str]) -> Answer:
    """Make the call so many times at one instant, and return the one answer that is not a stated refusal.

    Raises NotOneWinnerError, or what another call met that is neither.
    """
    told = together(*[call] * count)
    accepted = [each for each in told if isinstance(each, Answer)]
    for failure in told:
        if isinstance(failure, Exception) and not _is_stated(failure, refusals):
            raise failure
    if len(accepted) != 1:
        raise NotOneWinnerError(f"{len(accepted)} of {count} at one instant were accepted: {told[0]}")
    return accepted[0]


def _is_stated(failure: Exception, refusals: Collection[str]) -> bool:
    return isinstance(failure, RefusedAnswerError) and any(is_meant(each, failure) for each in refusals)
