"""A shadow run on a loop of its own, in front of real servers."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tailguard.base.ports import free_port
from tailguard.engine.event_loop import RunningLoop, running_loop
from tailguard.shadow.address import address_of
from tailguard.shadow.mirror import Mirror
from tailguard.shadow.session import Plan, Service, listening
from tests.shadow.service import Respond, User, served, shop
from tests.shadow.service import Service as Server
from tests.support.waiting import eventually


@dataclass(slots=True)
class Stage:
    """A primary, a candidate, and the proxy in front of both."""

    primary: Server
    candidate: Server
    service: Service
    running: RunningLoop
    users: list[User] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.service.plan.port

    @property
    def mirror(self) -> Mirror:
        return self.service.mirror

    def user(self) -> User:
        """Return a new one, with a connection of its own."""
        self.users.append(User(self.port))
        return self.users[-1]

    def end(self, patience_s: float = 5.0) -> None:
        """End as the session does."""
        asyncio.run_coroutine_threadsafe(self.service.end(patience_s), self.running.loop).result()

    def settled(self) -> None:
        """Wait until the candidate owes nothing."""
        eventually(lambda: self.mirror.owed == 0)
        time.sleep(0.05)


@contextmanager
def staged(candidate: Respond, primary: Respond = shop, timeout_s: float = 30.0) -> Iterator[Stage]:
    """Serve both, and the proxy before them."""
    with served(primary) as one, served(candidate) as other, running_loop() as running:
        plan = Plan(
            primary=address_of(one.url, "--primary"),
            candidate=address_of(other.url, "--candidate"),
            port=free_port(),
            seconds=60.0,
            timeout_s=timeout_s,
        )
        service = Service(plan)
        with listening(service, running):
            stage = Stage(one, other, service, running)
            try:
                yield stage
            finally:
                for user in stage.users:
                    user.close()
