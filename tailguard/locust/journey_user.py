"""Locust's Users: one class for each scenario, and which of them are dispatched."""

import re
from contextlib import ExitStack
from random import uniform
from typing import ClassVar

import gevent  # type: ignore[import-untyped]  # ships no types
from locust import User, tag, task

from tailguard.base.errors import TailguardError
from tailguard.engine.scenario_execution import VirtualUser
from tailguard.locust.bridge import IDLE_S
from tailguard.locust.installed import the_bridge
from tailguard.locust.worker.scenario_executor import ScenarioExecutor
from tailguard.suite.scenario import Scenario


class JourneyUser(User):
    """Plays one scenario, with fixtures of its own."""

    abstract = True
    scenario: ClassVar[Scenario[...]]
    _executor: ScenarioExecutor | None = None
    _user: VirtualUser | None = None

    def on_start(self) -> None:
        """Wait until the run goes, and take our part."""
        self._lifetime = ExitStack()
        self._executor = the_bridge().executor(self.scenario.name)
        if self._executor is None:
            return
        try:
            self._user = self._lifetime.enter_context(self._executor.user())
        except TailguardError as error:
            self._executor.broken = str(error)

    def on_stop(self) -> None:
        """Take away what is our own."""
        self._lifetime.close()

    def play(self) -> None:
        """Play an iteration."""
        if self._executor is None or self._user is None or not self._executor.play(self._user):
            gevent.sleep(IDLE_S)

    def wait_time(self) -> float:
        """Think, if the model is closed; a schedule has starts instead. In seconds."""
        return uniform(*self._executor.think_s) if self._executor else IDLE_S  # noqa: S311  # no secret


def user_class(scenario: Scenario[...], weight: float) -> type[JourneyUser]:
    """Return the User of a scenario: registration gives RegistrationUser, tagged with its name.

    `weight` is Locust's: how many users it has to those of the others.
    """
    name = "".join(word.capitalize() for word in re.findall(r"[^\W_]+", scenario.name)) + "User"

    def iteration(user: JourneyUser) -> None:
        user.play()

    body = {
        "scenario": scenario,
        "abstract": False,
        "weight": weight,
        # Locust takes two classes of one name and one file for the same: this one is of the scenario's file.
        "__module__": scenario.module,
        "__doc__": scenario.title,
        "iteration": tag(scenario.name)(task(iteration)),
    }
    return type(name, (JourneyUser,), body)
