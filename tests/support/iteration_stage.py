"""An iteration on a fake clock, for the tests of iterations."""

import asyncio
from types import SimpleNamespace

from tailguard.base.errors import UsageError
from tailguard.engine.iteration import Iteration
from tailguard.engine.iteration.answers import Refusals
from tailguard.engine.iteration.context import IterationContext
from tailguard.engine.iteration.step_names import StepNames
from tailguard.engine.recorder import Recorder
from tests.support.fake_clock import FakeClock


class RefusedError(Exception):
    """A clean conflict."""


class DeadlockError(Exception):
    sqlstate = "40P01"


class Response:
    def __init__(self, status_code):
        self.status_code = status_code


class Answer(SimpleNamespace):
    """A type of its own: what to look at is found once for each type."""


class Stage:
    """An iteration on a fake clock, and what it recorded."""

    def __init__(self, steps=("one", "two"), refusals=(RefusedError,), kind=Iteration):
        self.clock = FakeClock(1000)
        self.recorder = Recorder()
        self.context = IterationContext("run", 7, "shop", self.clock, StepNames(steps), Refusals(refusals))
        self.iteration = kind(self.context, self.recorder, user=3)

    def begin(self, number=0, due_ns=1000):
        self.iteration.begin(number, due_ns, self.clock.now_ns())
        return self.iteration

    def play_async(self, journey, due_ns=1000):
        """Play one iteration of an async journey, as an execution does."""

        async def played():
            it = self.begin(0, due_ns)
            try:
                await journey(it)
            except UsageError:
                raise
            except Exception as failure:  # noqa: BLE001  # as the loop does
                it.fail(failure)
            else:
                it.end()

        asyncio.run(played())

    def samples(self):
        return self.recorder.samples("shop", self.context.steps.names(), self.context.errors.names())

    def times(self):
        samples = self.samples()
        instants = samples.intended_ns, samples.started_ns, samples.ended_ns
        return list(zip(*(each.tolist() for each in instants), strict=True))

    def outcomes(self):
        """(step, outcome, kind of error) of each sample."""
        samples = self.samples()
        return [
            (samples.steps[step], outcome, samples.errors[error])
            for step, outcome, error in zip(
                samples.step, samples.outcome.tolist(), samples.error, strict=True
            )
        ]

    def takes(self, ns, value=None, raises=None):
        def call(*_, **__):
            self.clock.advance_ns(ns)
            if raises is not None:
                raise raises
            return value

        return call

    def play(self, journey, number=0):
        """Play one iteration as the runner does."""
        self.begin(number, self.clock.now_ns())
        try:
            journey(self.iteration)
        except UsageError:
            raise
        except Exception as failure:  # noqa: BLE001  # as the runner does
            self.iteration.fail(failure)
