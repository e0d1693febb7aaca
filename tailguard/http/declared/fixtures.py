"""The fixtures that declared scenarios use: credentials, the client, subscribers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any  # of fixtures of every type of value

from tailguard.base.errors import UsageError
from tailguard.http.connections import Exchange, HttpConnections
from tailguard.http.declared.broadcasts import Broadcasts, feed_of
from tailguard.http.declared.client import Client
from tailguard.http.declared.format import Audience, TargetTable
from tailguard.http.declared.login import Credential, Door, renewed, with_secrets
from tailguard.http.tls import read_tls, tls_in
from tailguard.record.part import Json
from tailguard.suite.fixture import Fixture, fixture
from tailguard.suite.run import Run, Target
from tailguard.websocket.subscribers import Subscribers

AnyFixture = Fixture[Any]
# Who logs in if no rows do; then everybody is this one.
_SOMEBODY: dict[str, Json] = {"id": ""}


@dataclass(frozen=True, slots=True)
class Users:
    """Who sends the requests: the rows that log in, none if nobody is told from others.

    Attributes:
        file: what declares the target.
        where: the place of its log-in, for messages.
    """

    target: TargetTable
    file: Path
    where: str
    rows: Callable[[], Sequence[dict[str, Json]]]

    def log_in(self, url: str) -> dict[str, Credential]:
        """Return the credentials of each user by id; those of "" are everybody's. Raises LoginError, UsageError."""
        if self.target.login is None:
            return {}
        users = self.rows() or [_SOMEBODY]
        login = with_secrets(self.target.login, self.where)
        door = Door(self.target, login, url, self.file.parent, self.where)
        tls = {"verify_tls": self.target.verify_tls} | (
            {"ca_file": self.target.ca_file} if self.target.ca_file else {}
        )
        with closing(HttpConnections(tls_in(tls, self.file.parent, self.where).context())) as connections:
            found = door.log_in(users, connections)
        return {str(user["id"]): each for user, each in zip(users, found, strict=True)}


def fixtures_for(users: Users) -> dict[str, AnyFixture]:
    """Return the fixtures that every scenario of a file asks for."""

    @fixture(scope="run")
    def credentials(target: Target) -> dict[str, Credential]:
        """All users' credentials: everybody logs in before the clock starts."""
        if not target.url:
            raise UsageError(
                f"{users.file.name} does not say where the service is: give --target http://host:port, or url or "
                "command in its [target]"
            )
        return users.log_in(target.url)

    @fixture
    def client(
        target: Target, connections: Exchange, credentials: Mapping[str, Credential], run: Run
    ) -> Iterator[Client]:
        """Sends requests; everybody is logged in again before the credentials expire."""
        tls, login = read_tls(target.file), users.target.login
        made = Client(users.target, target.url, connections, credentials, run.note, tls.context)
        with (
            renewed(lambda: made.use(users.log_in(target.url)), login.renew_after_s)
            if login
            else nullcontext()
        ):
            yield made

    return {"credentials": credentials, "client": client}


def audience_of(name: str, audience: Audience, user: str, known: Mapping[str, Json]) -> dict[str, AnyFixture]:
    """Return the fixtures of a scenario's subscribers; `user` connects them, `known` may be used in their path."""

    of_subscribers, of_broadcasts = names_of_audience(name)

    def subscribers(client: Client, run: Run) -> Iterator[Subscribers]:
        feed = feed_of(audience, client, user, known)
        with Subscribers(feed, audience.subscribers, cpus=run.placement.server) as made:
            yield made

    def broadcasts(**given: Subscribers) -> Broadcasts:
        return Broadcasts(given[of_subscribers])

    return {
        of_subscribers: Fixture(of_subscribers, "process", subscribers, ("client", "run")),
        of_broadcasts: Fixture(of_broadcasts, "process", broadcasts, (of_subscribers,)),
    }


def names_of_audience(name: str) -> tuple[str, str]:
    """Return the names of the fixtures of a scenario's subscribers and of its broadcasts."""
    return f"{name}_subscribers", f"{name}_broadcasts"
