"""Sampling until it is decided: answers, after each window of a scenario, whether all its objectives are."""

import math

from tailguard.base.state import State
from tailguard.judge.evidence import cumulative
from tailguard.judge.exceedance import exceedances, is_met
from tailguard.judge.sequential import look, look_counts
from tailguard.record.objective import Objective, Objectives, Rule
from tailguard.record.samples import Samples


class GrowingStream:
    """One objective's stream while it grows; peeking is on the grid of looks only, whenever it is asked."""

    def __init__(self, objective: Objective, rule: Rule, together: int = 1) -> None:
        """`together` is the number of objectives judged at once: a FAIL must stand among them (multiplicity.py)."""
        self.objective = objective
        self.state = State.INCONCLUSIVE
        self._dependence = rule.dependence
        self._needed = {State.PASS: math.log(1 / rule.alpha), State.FAIL: math.log(together / rule.alpha)}
        self._grid = look_counts(rule)
        self._next = next(self._grid)

    def see(self, samples: Samples) -> State:
        """Take all samples so far and return PASS, FAIL or, while undecided, INCONCLUSIVE."""
        if self.state is not State.INCONCLUSIVE or not is_met(
            samples, self.objective
        ):  # a rare one may yet come
            return self.state
        counts = cumulative(exceedances(samples, self.objective))
        while self._next < len(counts) and self.state is State.INCONCLUSIVE:
            seen = look(counts, self._next, self.objective.p0, self._dependence)
            if seen.ln_pass >= self._needed[State.PASS]:
                self.state = State.PASS
            elif seen.ln_fail >= self._needed[State.FAIL]:
                self.state = State.FAIL
            self._next = next(self._grid)
        return self.state


class StoppingRule:
    """What measuring asks after each window: `rule(slug, samples)` is True when a scenario may stop."""

    def __init__(self, objectives: Objectives) -> None:
        self._streams = {
            slug: [
                GrowingStream(item, objectives.rules[slug], len(family))
                for item in family
                if item.scenario == slug
            ]
            for family in objectives.families
            for slug in dict.fromkeys(item.scenario for item in family)
        }

    def __call__(self, slug: str, samples: Samples) -> bool:
        """Say whether every objective of the scenario is decided; one without objectives never is."""
        streams = self._streams.get(slug, [])
        states = [stream.see(samples) for stream in streams]  # each one sees the samples, decided or not
        return bool(states) and State.INCONCLUSIVE not in states

    def standing(self, slug: str) -> dict[str, State]:
        """Return where each objective of the scenario stands, for the live line; INCONCLUSIVE is still open."""
        return {stream.objective.name: stream.state for stream in self._streams.get(slug, [])}
