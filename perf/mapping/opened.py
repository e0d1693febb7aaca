"""A mapped target as every process of a run has it: its pools read and its users logged in, once."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import msgspec

import tailguard as tg
from perf.adapters.http import Note
from perf.mapping.login import log_in, login_of
from perf.mapping.mapped import MappedPlatform
from perf.mapping.pools import Pool, Row, read_pools, rows_of_pools
from perf.mapping.target import STEPS, TargetMapping
from perf.offer import EventPaths, Offer
from perf.platform import NEEDED
from perf.reference import LAST_S
from tailguard.http import Credential, Exchange, JwtLogin, Login, renewed

_ONLY_USER: Row = {"id": 1}


@dataclass(frozen=True, slots=True)
class MappedTarget(tg.Withheld):
    """`credentials` are those of the pool of users, by row; without a log-in there are none."""

    mapping: TargetMapping
    host: str
    login: Login | None
    pools: Mapping[str, Pool]
    credentials: Sequence[Credential]

    def for_workers(self) -> "MappedTarget":
        """Return it with tokens in place of what signs them, unless it says how long such a token may last."""
        login = self.login
        if not isinstance(login, JwtLogin) or login.lifetime_s:
            return self
        signed = log_in(
            self.mapping,
            msgspec.structs.replace(login, lifetime_s=float(LAST_S)),
            self.host,
            users_of(self.pools),
        )
        return replace(self, mapping=replace(self.mapping, login=None), login=None, credentials=signed)

    def offer(self) -> Offer:
        """Return the rows of its pools, and which steps and scenarios it cannot serve."""
        absent = {step: why for step in STEPS if (why := self.mapping.why_absent(step))}
        feed, submit = self.mapping.feed, self.mapping.steps.submit
        return Offer(
            rows_of_pools(self.pools),
            absent,
            self.mapping.skipped(NEEDED),
            event=EventPaths(feed.score1, feed.score2, feed.updated_at) if feed else EventPaths(),
            together=submit.together if submit else 1,
            audited=False,  # some routes write no such row
        )

    @contextmanager
    def platform(self, connections: Exchange, note: Note) -> Iterator[MappedPlatform]:
        """Ask it while the `with` lasts; everybody is logged in again before the credentials expire."""
        platform = MappedPlatform(self.mapping, self.host, self.pools, self.credentials, connections, note)
        if self.login is None:
            yield platform
            return
        with renewed(lambda: platform.use(self.log_in()), self.login.renew_after_s):
            yield platform

    def log_in(self) -> list[Credential]:
        """Return new credentials of everybody. Raises LoginError."""
        return [] if self.login is None else log_in(self.mapping, self.login, self.host, users_of(self.pools))


def open_target(mapping: TargetMapping, host: str) -> MappedTarget:
    """Read the pools and log everybody in. Raises UsageError or LoginError, naming what is wrong."""
    pools, login = read_pools(mapping.pools, mapping.folder, mapping.source), login_of(mapping)
    credentials = [] if login is None else log_in(mapping, login, host, users_of(pools))
    return MappedTarget(mapping, host, login, pools, credentials)


def users_of(pools: Mapping[str, Pool]) -> Sequence[Row]:
    """Return who logs in: the pool of users, or somebody if there is none."""
    return pools["users"].rows if "users" in pools else [_ONLY_USER]
