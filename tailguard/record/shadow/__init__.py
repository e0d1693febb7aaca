"""A shadow run: who answered, who was asked the same, and in what their answers differed.

`answers.parquet` has each compared answer; what follows from it is summed up in `differences`, which `verify` computes
again.
"""

from tailguard.base.state import State
from tailguard.record.objective import Margins
from tailguard.record.part import Count, Part
from tailguard.record.verdict import ChangeVerdict

# The scenarios of both sides: the n-th request of one is the n-th of the other.
PRIMARY, CANDIDATE = "primary", "candidate"


class ShadowCounts(Part, frozen=True, kw_only=True):
    """What became of the users' requests.

    Of those `answered` by the primary, `compared` were repeated and concluded, `dropped` had no room (`dropped_writes`
    of them could change data), `too_large` were not kept, and `pending` had no answer of the candidate's at the end.
    `unanswered` are those that the primary gave no whole answer to, `unreachable` the connections that it did not take.
    `unreadable` are connections that went on in another protocol than HTTP/1.1.
    """

    answered: Count
    compared: Count
    dropped: Count
    dropped_writes: Count
    too_large: Count
    pending: Count
    unanswered: Count
    unreachable: Count
    unreadable: Count


class AnswerDifference(Part, frozen=True, kw_only=True):
    """A field of a route's answers in which the candidate differed `differing` times of `compared`.

    The primary, asked twice, differed there from itself `differing_twice` times of `asked_twice`. `p` is the chance of
    so many if the candidate differs no more often than that; None if the primary was never asked twice. PASS: it is
    noise. INCONCLUSIVE: too rare to tell. `primary` and `candidate` are an example.
    """

    route: str
    field: str
    state: State
    compared: Count
    differing: Count
    asked_twice: Count
    differing_twice: Count
    p: float | None
    primary: str
    candidate: str


class Ignored(Part, frozen=True, kw_only=True):
    """A field that is not compared, by a user's wish; of all routes if `route` is ""."""

    route: str
    field: str


class Shadow(Part, frozen=True, kw_only=True):
    """The part of a record that only a shadow run has.

    `watched` are the comparisons that were not gated. `most_users` were connected at once.
    """

    primary: str
    candidate: str
    timeout_s: float
    margins: Margins
    ignored: tuple[Ignored, ...] = ()
    most_users: Count = 0
    counts: ShadowCounts
    differences: tuple[AnswerDifference, ...] = ()
    watched: tuple[ChangeVerdict, ...] = ()
