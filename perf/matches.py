"""Matches and what their participants believe of them: the version to state, the scores that a row may show."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

import tailguard as tg
from perf.offer import Played
from perf.platform import REFUSALS, ReadsScores, RowId, SubmitsResults, Submitted

FIRST_VERSION = 1  # what a seeded match has


class NotOneWinnerError(Exception):
    """Of several changes of one state, more than one was accepted, or none."""


@dataclass(slots=True)
class Match:
    """A match. One iteration at a time uses it.

    `version` is None if nobody knows it. `scores` are those that its row may show: the last acknowledged one, and what
    failed after it without saying whether it was committed; none before the first acknowledged one.
    """

    id: RowId
    submitter: int
    version: int | None = FIRST_VERSION
    scores: set[int] = field(default_factory=set)

    def submit(self, platform: SubmitsResults, number: int, *, stale: bool = False) -> Submitted:
        """Submit the result of an iteration, `stale` with a version that is over, and remember the version it got."""
        score = abs(number) % 1000 + 1
        if self.scores:
            self.scores.add(score)
        version = self.version - 1 if stale and self.version is not None else self.version
        try:
            submitted = platform.submit_result(self.id, self.submitter, score, 0, version)
        except REFUSALS:
            raise
        except Exception:
            self.version = None
            raise
        self.version, self.scores = submitted.version, {score}
        return submitted

    def submit_together(self, it: tg.Iteration, platform: SubmitsResults, count: int) -> None:
        """Submit that number of results at one instant. Raises NotOneWinnerError unless exactly one is accepted."""
        score = abs(it.number) % 1000 + 1
        told = it.together(
            *(
                partial(platform.submit_result, self.id, self.submitter, score + each, 0, self.version)
                for each in range(count)
            )
        )
        failures = [each for each in told if isinstance(each, Exception)]
        for failure in failures:
            if not isinstance(failure, REFUSALS):
                raise failure
        if (accepted := count - len(failures)) != 1:
            raise NotOneWinnerError(
                f"match {self.id}: {accepted} of {count} results submitted at once were accepted, expected 1"
            )


class Matches:
    """A pool of matches that iterations take by turns."""

    def __init__(self, played: Iterable[Played]) -> None:
        self._matches = [Match(match, submitter) for match, submitter in played]

    def at(self, number: int) -> Match:
        """Return the match of an iteration."""
        return self._matches[number % len(self._matches)]

    @property
    def ids(self) -> list[RowId]:
        return [match.id for match in self._matches]

    def wrong(self, platform: ReadsScores) -> int:
        """Return how many rows show neither their last acknowledged score nor one that failed after it."""
        shown = [platform.match_scores(match.id).participant1_score for match in self._matches]
        return sum(
            bool(match.scores) and score not in match.scores
            for match, score in zip(self._matches, shown, strict=True)
        )
