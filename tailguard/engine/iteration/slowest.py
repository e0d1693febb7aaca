"""The slowest iterations of a scenario, by the numbers under which they can be played again."""

from collections.abc import Iterable, Iterator

import numpy as np

from tailguard.engine.recorder import ROW_BYTES
from tailguard.engine.scenario_execution import VirtualUser
from tailguard.record.samples import OUTCOMES, Samples, samples_from_rows
from tailguard.record.scenario import SlowIteration

MOST = 8


def slowest_of(users: Iterable[VirtualUser], samples: Samples) -> tuple[SlowIteration, ...]:
    """Return those that began and whose slowest step took longest, the slowest first; `samples` are of all users."""
    found = [each for user in users for each in _of_user(user, samples)]
    return tuple(sorted(found, key=lambda each: (-each.response_ms, each.number))[:MOST])


def _of_user(user: VirtualUser, samples: Samples) -> Iterator[SlowIteration]:
    rows = user.recorder.rows()
    number, first = np.array(user.began, dtype=np.int64).reshape(-1, 2).T
    first, end = first // ROW_BYTES, np.append(first[1:] // ROW_BYTES, len(rows))
    number, first, end = (
        each[end > first] for each in (number, first, end)
    )  # an interrupted one has no sample
    if not len(first):
        return
    response_ns = rows[:, 2] - rows[:, 0]
    for place in np.argsort(-np.maximum.reduceat(response_ns, first), kind="stable")[:MOST]:
        slowest = first[place] + response_ns[first[place] : end[place]].argmax()
        sample = samples_from_rows(
            samples.scenario, samples.steps, samples.errors, rows[slowest : slowest + 1]
        )
        yield _slow_iteration(int(number[place]), sample, 0, samples.intended_ns[0])


def found_again(recorded: SlowIteration, samples: Samples) -> SlowIteration | None:
    """Return what the samples say of an iteration's slowest step; None if none of them was due at its instant."""
    due_ns = samples.intended_ns[:1] + round(recorded.at_s * 1e9)
    found = [
        _slow_iteration(recorded.number, samples, int(place), samples.intended_ns[0])
        for place in np.flatnonzero(samples.intended_ns == due_ns)
    ]
    return recorded if recorded in found else next(iter(found), None)


def _slow_iteration(number: int, samples: Samples, place: int, first_ns: int) -> SlowIteration:
    intended_ns = int(samples.intended_ns[place])
    return SlowIteration(
        number=number,
        step=samples.steps[samples.step[place]],
        outcome=OUTCOMES[samples.outcome[place]],
        error=samples.errors[samples.error[place]],
        at_s=(intended_ns - int(first_ns)) / 1e9,
        response_ms=(int(samples.ended_ns[place]) - intended_ns) / 1e6,
    )
