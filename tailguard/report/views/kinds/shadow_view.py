"""A shadow run in words: what became of the requests, and each field in which the answers differ."""

from collections.abc import Iterator

from tailguard.base.state import State
from tailguard.record.shadow import AnswerDifference, Shadow
from tailguard.report.views import numbers
from tailguard.report.views.change_view import arrow

# A terminal and a comment have no room for more; the report has all.
MOST_LISTED, MOST_ROWS = 20, 200
_WORDS = {State.PASS: "noise", State.INCONCLUSIVE: "too rare to tell"}


def facts_of(shadow: Shadow) -> tuple[tuple[str, str], ...]:
    """What became of the users' requests, by name."""
    counts = shadow.counts
    found = (
        ("answered by the primary", counts.answered),
        ("compared", counts.compared),
        ("not repeated, for lack of room", counts.dropped),
        ("not repeated, too large", counts.too_large),
        ("no answer of the candidate's at the end", counts.pending),
        ("no answer of the primary's", counts.unanswered + counts.unreachable),
        ("connections in another protocol", counts.unreadable),
        ("users at once", shadow.most_users),
    )
    ignored = ", ".join(f"{each.route} {each.field}".strip() for each in shadow.ignored)
    counted = tuple((name, numbers.count(n)) for name, n in found)
    return (*counted, ("ignored fields", ignored)) if ignored else counted


def share_of(each: AnswerDifference) -> str:
    """How often the candidate differs there, and the primary from itself."""
    told = f"{numbers.count(each.differing)} of {numbers.count(each.compared)}"
    twice = f"primary from itself {numbers.count(each.differing_twice)} of {numbers.count(each.asked_twice)}"
    return f"{told} ({twice if each.asked_twice else 'primary never asked twice'})"


def example_of(each: AnswerDifference) -> str:
    """The primary's value and the candidate's, of one request."""
    return arrow(each.primary, each.candidate)


def word_of(each: AnswerDifference) -> str:
    """What is thought of it: "differs", "noise" or "too rare to tell"."""
    return _WORDS.get(each.state, "differs")


def listed(shadow: Shadow) -> Iterator[tuple[State, tuple[str, str, str]]]:
    """Yield the first differences as lines of a terminal."""
    for each in shadow.differences[:MOST_LISTED]:
        yield each.state, (f"{each.route}: {each.field}", example_of(each), share_of(each))
    rest = len(shadow.differences) - MOST_LISTED
    if rest > 0:
        yield State.INCONCLUSIVE, (f"and {rest} more fields", "the report has them", "")
